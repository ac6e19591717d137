"""A traced application in two processes: `python -m tests.telemetry.process producer|worker`."""

from __future__ import annotations

import asyncio
import signal
import sys

import psycopg
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from pgqueue import Job, Postgres, Processors, Queue, Worker, fixed
from pgqueue.telemetry import Tracing

MAIL = Queue("mail", str)
processors = Processors()


@processors.process(MAIL, attempts=2, backoff=fixed("20ms"))
def send(job: Job[str]) -> None:
    """Fail once; say on the span whose job it is."""
    tenant = str(baggage.get_baggage("tenant"))
    trace.get_current_span().set_attribute("tenant", tenant)
    if job.attempt == 1:
        raise ConnectionError


def produce() -> None:
    """Push a job inside a span."""
    pg = Postgres()
    context.attach(baggage.set_baggage("tenant", "7"))
    with (
        psycopg.connect(pg.config.conninfo()) as conn,
        trace.get_tracer("shop").start_as_current_span("order"),
    ):
        pg.push(MAIL, "ada", on=conn)


async def work(tracing: Tracing) -> None:
    """Run a worker until SIGTERM."""
    worker = Worker(Postgres(), include=[processors], middleware=[tracing])
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()


def line(span: ReadableSpan) -> str:
    """Write a span as one line of JSON."""
    return f"{span.to_json(indent=None)}\n"


if __name__ == "__main__":
    tracing = Tracing()  # before there is a provider, as a module of the application may do it
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=line)))
    trace.set_tracer_provider(provider)
    if sys.argv[1] == "worker":
        asyncio.run(work(tracing))
    else:
        produce()
