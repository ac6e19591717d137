"""OpenTelemetry's own SDK, keeping what it exports in memory; nothing global is set."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from pgqueue import Postgres
from tests.worker.conftest import QUICK


@pytest.fixture
async def pg(dsn: str) -> AsyncIterator[Postgres]:
    """The driver of the test's database."""
    async with Postgres(dsn, **QUICK) as driver:
        yield driver


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """What has ended."""
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    """The SDK, exporting each span as it ends."""
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


@pytest.fixture
def tracer(provider: TracerProvider) -> Tracer:
    """The application's own tracer."""
    return provider.get_tracer("shop")
