"""Reads the exported spans."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, SpanContext, SpanKind

Place = tuple[int, int]


def consumed(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """Return the spans of attempts in the order in which they started."""
    found = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.CONSUMER]
    return sorted(found, key=lambda span: span.start_time or 0)


def place(span: Span | ReadableSpan) -> Place:
    """Return a span's trace and its own id."""
    return _place(span.get_span_context())


def parent(span: ReadableSpan) -> Place | None:
    """Return where the span's parent is; None for the root of a trace."""
    return None if span.parent is None else _place(span.parent)


def links(span: ReadableSpan) -> list[Place]:
    """Return where the spans are that it links to."""
    return [_place(link.context) for link in span.links]


def _place(found: SpanContext | None) -> Place:
    assert found is not None
    return found.trace_id, found.span_id
