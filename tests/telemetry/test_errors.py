"""What a span says of an attempt that did not end well, and of one that only was not done."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from pgqueue import Abort, Postgres, Processors, Queue, RetryAfter, Snooze, Worker
from pgqueue.telemetry import Tracing
from tests.telemetry.spans import consumed
from tests.worker.running import Connection, drained, eventually, finished, running, soon

MAIL = Queue("mail", str)


class Unprintable(Exception):
    """An exception whose message cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


FAILURES: list[tuple[Callable[[], BaseException], str, str]] = [
    (lambda: ValueError("no such address"), "ValueError", "no such address"),
    (lambda: SystemExit(3), "SystemExit", "3"),
    (lambda: RetryAfter("20ms", "busy"), "pgqueue.errors.RetryAfter", "busy"),
    (lambda: Abort("wrong"), "pgqueue.errors.Abort", "wrong"),
    (Unprintable, f"{__name__}.Unprintable", ""),
]


@pytest.mark.parametrize("colour", ["async", "thread"])
@pytest.mark.parametrize(("raised", "kind", "message"), FAILURES)
async def test_a_failure_is_recorded_with_its_type_and_traceback(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    raised: Callable[[], BaseException],
    kind: str,
    message: str,
    colour: str,
) -> None:
    """D21: error.type, the status and the exception; the next attempt is not marked by it."""
    processors = Processors()
    rest = [raised()]

    def send(job: str) -> None:
        if rest:
            raise rest.pop()

    async def sending(job: str) -> None:
        send(job)

    processors.process(MAIL, attempts=2)(send if colour == "thread" else sending)
    pg.push(MAIL, "ada", on=conn)
    async with running(Worker(pg, include=[processors], middleware=[tracing(provider)])):
        await drained(conn)
    failed, *later = consumed(exporter)
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == kind
    (event,) = failed.events
    details = dict(event.attributes or {})
    assert event.name == "exception"
    assert (details["exception.type"], details["exception.message"]) == (kind, message)
    assert kind == f"{__name__}.Unprintable" or "in send" in str(details["exception.stacktrace"])
    assert [is_clean(span) for span in later] == [True] * len(later)


async def test_a_snooze_is_no_error(
    pg: Postgres, conn: Connection, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    processors = Processors()
    rest = [Snooze(timedelta(milliseconds=20))]

    @processors.process(MAIL)
    async def send(job: str) -> None:
        if rest:
            raise rest.pop()

    pg.push(MAIL, "ada", on=conn)
    async with running(Worker(pg, include=[processors], middleware=[tracing(provider)])):
        await drained(conn)
    assert [is_clean(span) for span in consumed(exporter)] == [True, True]


async def test_a_job_whose_condition_says_no_is_no_error(
    pg: Postgres, conn: Connection, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    processors = Processors()

    @processors.process(MAIL, condition=lambda payload: False)
    async def send(job: str) -> None:
        raise AssertionError

    pg.push(MAIL, "ada", on=conn)
    async with running(Worker(pg, include=[processors], middleware=[tracing(provider)])):
        await drained(conn)
    assert all(is_clean(span) for span in consumed(exporter))


@pytest.mark.parametrize("colour", ["async", "thread"])
async def test_an_attempt_that_takes_too_long_has_failed(
    pg: Postgres,
    conn: Connection,
    exporter: InMemorySpanExporter,
    provider: TracerProvider,
    colour: str,
) -> None:
    processors = Processors()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def endless(job: str) -> None:
        await asyncio.Event().wait()

    def blocked(job: str) -> None:
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result()

    handler = endless if colour == "async" else blocked
    processors.process(MAIL, attempts=1, timeout="50ms")(handler)
    pg.push(MAIL, "ada", on=conn)
    async with running(Worker(pg, include=[processors], middleware=[tracing(provider)])):
        await drained(conn)
        ended.set()
    (span,) = consumed(exporter)
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "timeout"


async def test_a_job_that_a_stopping_worker_gives_back_is_no_error(
    pg: Postgres, conn: Connection, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    processors = Processors()
    begun = asyncio.Event()

    @processors.process(MAIL)
    async def send(job: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    pg.push(MAIL, "ada", on=conn)
    worker = Worker(pg, include=[processors], middleware=[tracing(provider)])
    async with running(worker) as task:
        await soon(begun.wait())
        worker.stop()
        worker.stop()
        await finished(task)
    (span,) = consumed(exporter)
    assert is_clean(span)


async def test_an_attempt_whose_lease_was_lost_says_so(
    pg: Postgres, conn: Connection, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    processors = Processors()
    begun = asyncio.Event()

    @processors.process(MAIL)
    async def send(job: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    pg.push(MAIL, "ada", on=conn)
    async with running(Worker(pg, include=[processors], middleware=[tracing(provider)])):
        await soon(begun.wait())
        conn.execute("delete from pgqueue.jobs")
        await eventually(lambda: len(consumed(exporter)), 1)
    (span,) = consumed(exporter)
    assert (span.attributes or {})["error.type"] == "lost"


def test_without_opentelemetry_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; import pgqueue.telemetry"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "pgqueue.telemetry needs OpenTelemetry: install pgqueue-driver[otel]" in ended.stderr


def tracing(provider: TracerProvider) -> Tracing:
    return Tracing(tracer_provider=provider)


def is_clean(span: ReadableSpan) -> bool:
    unset = span.status.status_code is StatusCode.UNSET
    return unset and not span.events and "error.type" not in (span.attributes or {})
