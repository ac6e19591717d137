"""The context that was pushed stays with the job, wherever the job goes."""

from __future__ import annotations

from typing import Any

from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from pgqueue import Job, Postgres, Processors, Queue, Worker
from pgqueue.telemetry import Tracing
from tests.telemetry.spans import consumed, links, parent, place
from tests.worker.running import Connection, census, drained, eventually, one, running

MAIL = Queue("mail", str)


async def test_the_trace_survives_retries_death_and_redrive(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    tracer: Tracer,
) -> None:
    """D24: a redriven job's first attempt is again in the trace that pushed it."""
    processors = Processors()
    seen: list[tuple[int, Any]] = []
    mended = False

    @processors.process(MAIL, attempts=2)
    async def send(job: Job[str]) -> None:
        seen.append((job.attempt, baggage.get_baggage("tenant")))
        if not mended:
            raise ValueError

    token = context.attach(baggage.set_baggage("tenant", "7"))
    with tracer.start_as_current_span("order") as order:
        job = pg.push(MAIL, "ada", on=conn, delay="1ms")
    context.detach(token)
    pushed = one(conn, "select envelope from pgqueue.scheduled_jobs")
    worker = Worker(pg, include=[processors], middleware=[Tracing(tracer_provider=provider)])
    async with running(worker):
        await eventually(lambda: census(conn), {"dead": 1})
        assert one(conn, "select envelope from pgqueue.dead_jobs") == pushed
        mended = True
        assert one(conn, "select pgqueue.redrive(%s)", job)
        await drained(conn)
    assert seen == [(1, "7"), (2, "7"), (1, "7")]
    spans = consumed(exporter)
    assert [parent(span) for span in spans] == [place(order), None, place(order)]
    assert [links(span) for span in spans] == [[], [place(order)], []]
