"""Where the span of an attempt hangs, what it says, and what its handler sees of the producer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode, Tracer, get_current_span
from psycopg.types.json import Jsonb

from pgqueue import ConfigError, Job, Postgres, Processors, Queue, Redrive, Worker, fixed
from pgqueue.telemetry import Tracing
from tests.telemetry.spans import consumed, links, parent, place
from tests.worker.running import Connection, drained, eventually, one, running

MAIL = Queue("mail", str)
NEXT = Queue("next", str)

Correlation = Literal["link-retries", "parent", "link"]


async def run(pg: Postgres, conn: Connection, processors: Processors, tracing: Tracing) -> None:
    async with running(Worker(pg, include=[processors], middleware=[tracing])):
        await drained(conn)


async def test_a_first_attempt_is_a_child_of_the_span_that_pushed(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    tracer: Tracer,
) -> None:
    """D21: a consumer span with the messaging attributes, in the producer's trace."""
    processors = Processors()

    @processors.process(MAIL)
    async def send(job: str) -> None:
        pass

    with tracer.start_as_current_span("order") as order:
        pushed = pg.push(MAIL, "ada", on=conn, name="welcome", attempts=3)
    await run(pg, conn, processors, Tracing(tracer_provider=provider))
    (span,) = consumed(exporter)
    assert (span.name, span.kind) == ("process mail", SpanKind.CONSUMER)
    assert place(span)[0] == place(order)[0]
    assert parent(span) == place(order)
    assert links(span) == []
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "messaging.system": "pgqueue",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(pushed),
        "pgqueue.job.name": "welcome",
        "pgqueue.attempt": 1,
        "pgqueue.max_attempts": 3,
    }
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "pgqueue"
    assert span.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"


@pytest.mark.parametrize(
    ("correlation", "expected"),
    [
        ("link-retries", ["child", "link", "link"]),
        ("parent", ["child", "child", "child"]),
        ("link", ["link", "link", "link"]),
    ],
)
async def test_each_attempt_continues_the_trace_or_links_to_it(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    tracer: Tracer,
    correlation: Correlation,
    expected: list[str],
) -> None:
    """F9, D21, D22: by default only the first attempt is a child; all have the baggage."""
    processors = Processors()
    tenants = []

    @processors.process(MAIL, attempts=3)
    async def send(job: Job[str]) -> None:
        tenants.append(baggage.get_baggage("tenant"))
        if job.attempt < 3:
            raise ValueError

    token = context.attach(baggage.set_baggage("tenant", "Ada & Co"))
    with tracer.start_as_current_span("order") as order:
        pg.push(MAIL, "ada", on=conn)
    context.detach(token)
    await run(pg, conn, processors, Tracing(trace=correlation, tracer_provider=provider))
    spans = consumed(exporter)
    traces = {place(order)[0], *(place(span)[0] for span in spans)}
    assert [how(span, place(order)) for span in spans] == expected
    assert len(traces) == 1 + expected.count("link")
    assert tenants == ["Ada & Co"] * 3


def how(span: ReadableSpan, origin: tuple[int, int]) -> str:
    child = (place(span)[0], parent(span), links(span)) == (origin[0], origin, [])
    link = (parent(span), links(span)) == (None, [origin])
    return "child" if child else "link" if link else "neither"


@pytest.mark.parametrize("colour", ["async", "thread"])
async def test_a_push_inside_a_handler_continues_the_chain(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    tracer: Tracer,
    colour: str,
) -> None:
    """D21, D22: with the baggage, from a coroutine and from a thread."""
    processors = Processors()
    tenants = []

    async def pushing(job: Job[str]) -> None:
        async with job.transaction() as own:
            await pg.push(NEXT, job.payload, on=own)

    def pushing_blocked(job: Job[str]) -> None:
        with job.transaction() as own:
            pg.push(NEXT, job.payload, on=own)

    processors.process(MAIL)(pushing if colour == "async" else pushing_blocked)

    @processors.process(NEXT)
    def last(job: str) -> None:
        tenants.append(baggage.get_baggage("tenant"))

    token = context.attach(baggage.set_baggage("tenant", "7"))
    with tracer.start_as_current_span("order") as order:
        pg.push(MAIL, "ada", on=conn)
    context.detach(token)
    await run(pg, conn, processors, Tracing(tracer_provider=provider))
    first, second = consumed(exporter)
    assert (first.name, parent(first)) == ("process mail", place(order))
    assert (second.name, parent(second)) == ("process next", place(first))
    assert tenants == ["7"]


async def test_one_jobs_trace_and_baggage_are_not_the_next_ones(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    tracer: Tracer,
) -> None:
    """A28: a job that was pushed outside of any trace begins its own, without links."""
    processors = Processors()
    tenants: list[Any] = []

    @processors.process(MAIL)
    async def send(job: str) -> None:
        tenants.append(baggage.get_baggage("tenant"))

    token = context.attach(baggage.set_baggage("tenant", "7"))
    with tracer.start_as_current_span("order"):
        pg.push(MAIL, "ada", on=conn)
        pg.push(MAIL, "bob", on=conn, carrier={})
    context.detach(token)
    worker = Worker(
        pg, include=[processors], concurrency=1, middleware=[Tracing(tracer_provider=provider)]
    )
    async with running(worker):
        await drained(conn)
    assert tenants == ["7", None]
    _, second = consumed(exporter)
    assert (parent(second), links(second)) == (None, [])


@pytest.mark.parametrize("correlation", ["link-retries", "link"])
@pytest.mark.parametrize(
    "broken",
    [
        {"traceparent": "nonsense", "baggage": 5},
        {"traceparent": f"00-{0:032x}-{9:016x}-01", "tracestate": "a=b"},
        {"traceparent": f"ff-{7:032x}-{9:016x}-01"},
        {"tracestate": "a=b", "baggage": "=;;,"},
    ],
)
async def test_a_malformed_context_costs_the_correlation_and_not_the_job(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    correlation: Correlation,
    broken: dict[str, Any],
) -> None:
    """D23: the attempt is the root of a trace of its own, and links to nothing."""
    processors = Processors()
    ran = []

    @processors.process(MAIL, attempts=2, backoff=fixed("20ms"))
    async def send(job: Job[str]) -> None:
        ran.append(job.attempt)

    pg.push(MAIL, "ada", on=conn)
    conn.execute("update pgqueue.jobs set envelope = envelope || %s", [Jsonb(broken)])
    await run(pg, conn, processors, Tracing(trace=correlation, tracer_provider=provider))
    assert ran == [1]
    (span,) = consumed(exporter)
    assert (parent(span), links(span)) == (None, [])
    assert span.status.status_code is StatusCode.UNSET


async def test_what_runs_around_the_span_is_not_inside_it(
    pg: Postgres, conn: Connection, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    processors = Processors()
    seen = []

    async def around(job: Job[Any], call_next: Callable[[], Awaitable[None]]) -> None:
        await call_next()
        seen.append(get_current_span())

    @processors.process(MAIL)
    async def send(job: str) -> None:
        seen.append(get_current_span())

    pg.push(MAIL, "ada", on=conn)
    tracing = Tracing(tracer_provider=provider)
    async with running(Worker(pg, include=[processors], middleware=[around, tracing])):
        await drained(conn)
    (span,) = consumed(exporter)
    inside, outside = seen
    assert (place(inside), outside) == (place(span), INVALID_SPAN)


def test_an_unknown_correlation_is_refused() -> None:
    with pytest.raises(ConfigError, match="trace is 'child'; give one of link-retries, parent"):
        Tracing(trace="child")  # type: ignore[arg-type]


async def test_a_processor_of_dead_letters_runs_in_the_trace_of_its_job(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    tracer: Tracer,
) -> None:
    """D24: the dead move keeps the context; what it redrives is still in the same trace."""
    processors = Processors()

    @processors.process(MAIL, attempts=1)
    async def send(job: str) -> None:
        raise ValueError("no such address")

    @processors.process(MAIL.dead)
    async def mourn(job: Job[str]) -> Redrive | None:
        assert job.dead is not None
        return Redrive() if job.dead.redrives == 0 else None

    with tracer.start_as_current_span("order") as order:
        pg.push(MAIL, "ada", on=conn)
    handled = "select count(*) from pgqueue.dead_jobs where handled_at is not null"
    tracing = Tracing(tracer_provider=provider)
    async with running(Worker(pg, include=[processors], middleware=[tracing])):
        await eventually(lambda: one(conn, handled), 1)
    spans = consumed(exporter)
    assert [span.name for span in spans] == ["process mail", "process mail.dead"] * 2
    assert {parent(span) for span in spans} == {place(order)}
