"""`Tracing`: a middleware that runs each attempt in a consumer span of its producer's trace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, get_args

from opentelemetry import context, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pgqueue.envelope import Carrier
from pgqueue.errors import ConfigError, Snooze
from pgqueue.job import Job
from pgqueue.outcome import Failure
from pgqueue.worker.attempt import interruption_of

_CONVENTIONS = "https://opentelemetry.io/schemas/1.44.0"

Correlation = Literal["link-retries", "parent", "link"]


class Tracing:
    """Gives every attempt a span `process <queue>`, and its handler the producer's baggage.

    `trace`: with "link-retries" a first attempt continues the producer's trace, and each later
    one is a trace of its own that links to it; with "parent" all of them continue it, with
    "link" none does. Without `tracer_provider`, the global one. The first of the middleware.
    """

    def __init__(
        self, *, trace: Correlation = "link-retries", tracer_provider: TracerProvider | None = None
    ) -> None:
        if trace not in get_args(Correlation):
            known = ", ".join(get_args(Correlation))
            raise ConfigError(f"Tracing: trace is {trace!r:.40}; give one of {known}")
        self._correlation = trace
        self._tracer = _tracer(tracer_provider)

    async def __call__(self, job: Job[Any], call_next: Callable[[], Awaitable[None]]) -> None:
        """Run an attempt in its span."""
        surroundings, links = self._correlated(job)
        span = self._tracer.start_span(
            f"process {job.queue}",
            surroundings,
            kind=SpanKind.CONSUMER,
            attributes=_attributes(job),
            links=links,
        )
        # Not start_as_current_span(context=…): that would make the span current, not the baggage.
        token = context.attach(trace.set_span_in_context(span, surroundings))
        try:
            await call_next()
        except BaseException as error:
            _tell(span, error)
            raise
        finally:
            context.detach(token)
            span.end()

    def _correlated(self, job: Job[Any]) -> tuple[Context, Sequence[Link]]:
        """Return the context to start the span in, and what it links to."""
        pushed = _extracted(job.carrier)
        producer = trace.get_current_span(pushed).get_span_context()
        first = job.attempt == 1 and self._correlation == "link-retries"
        if first or self._correlation == "parent":
            return pushed, ()
        return trace.set_span_in_context(INVALID_SPAN, pushed), [Link(producer)]


def _tracer(provider: TracerProvider | None) -> trace.Tracer:
    return trace.get_tracer("pgqueue", tracer_provider=provider, schema_url=_CONVENTIONS)


def _extracted(carrier: Carrier) -> Context:
    """Return the producer's context; what cannot be read of it is left out."""
    span = TraceContextTextMapPropagator().extract(carrier, context.get_current())
    return W3CBaggagePropagator().extract(carrier, span)


def _attributes(job: Job[Any]) -> dict[str, str | int]:
    named = {} if job.name is None else {"pgqueue.job.name": job.name}
    return {
        "messaging.system": "pgqueue",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": job.queue,
        "messaging.message.id": str(job.id),
        "pgqueue.attempt": job.attempt,
        "pgqueue.max_attempts": job.max_attempts,
        **named,
    }


def _tell(span: Span, error: BaseException) -> None:
    """Record what ended the attempt, unless that is no failure."""
    why = interruption_of(error)
    if isinstance(error, Snooze) or why == "shutdown":
        return
    # Not record_exception: it calls str(error), and what that raises would replace the error.
    failure = Failure.of(error)
    kind = _kind(type(error))
    details = {
        "exception.type": kind,
        "exception.message": failure.error.partition(": ")[2],
        "exception.stacktrace": failure.traceback,
    }
    span.add_event("exception", details)
    span.set_attribute("error.type", why or kind)
    span.set_status(StatusCode.ERROR, failure.error)


def _kind(error: type[BaseException]) -> str:
    module, name = error.__module__, error.__qualname__
    return name if module == "builtins" else f"{module}.{name}"
