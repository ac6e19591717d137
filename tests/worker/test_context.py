"""Job contexts: surroundings of every attempt, which see how it ends and cannot change it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import pytest

from pgqueue import Job, JobContext, Postgres, Processors, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running

TENANT: ContextVar[str] = ContextVar("TENANT", default="nobody")
ERROR = "select failures -> -1 ->> 'error' from pgqueue.dead_jobs"


def surrounding(name: str, trace: list[str], *, fails: str = "") -> JobContext:
    """Make a context that notes how it is entered and left, and may fail at one of these."""

    @asynccontextmanager
    async def surround(job: Job[Any]) -> AsyncIterator[None]:
        trace.append(f"{name} enters {job.attempt}")
        if fails == "enter":
            raise ValueError(f"{name} fails to enter")
        try:
            yield
        except BaseException as error:
            trace.append(f"{name} sees {type(error).__name__}")
            raise
        trace.append(f"{name} leaves")
        if fails == "exit":
            raise ValueError(f"{name} fails to exit")

    return surround


class Swallowing:
    """A context that lets no failure out."""

    def __init__(self, job: Job[Any]) -> None: ...

    async def __aenter__(self) -> None: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        return True


@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_contexts_surround_every_attempt_and_see_its_outcome(
    pg: Postgres, processors: Processors, conn: Connection, colour: str
) -> None:
    """B25: entered in the order given, left in the other, with what the handler raised."""
    trace: list[str] = []

    def work(job: Job[None]) -> None:
        trace.append(f"runs for {TENANT.get()}")
        if job.attempt == 1:
            raise LookupError

    async def on_the_loop(job: Job[None]) -> None:
        work(job)

    def on_a_thread(job: Job[None]) -> None:
        work(job)

    @asynccontextmanager
    async def tenant(job: Job[Any]) -> AsyncIterator[None]:
        TENANT.set("ada")
        yield

    handler: Any = on_a_thread if colour == "def" else on_the_loop
    processors.process("audio")(handler)
    pg.push("audio", None, on=conn)
    context = [tenant, surrounding("one", trace), surrounding("two", trace)]
    async with running(Worker(pg, include=[processors], context=context)):
        await drained(conn)
    run = "runs for ada"
    first = ["one enters 1", "two enters 1", run, "two sees LookupError", "one sees LookupError"]
    assert trace == [*first, "one enters 2", "two enters 2", run, "two leaves", "one leaves"]
    assert TENANT.get() == "nobody"


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        ("enter", ["one sees ValueError"]),
        ("exit", ["runs", "two leaves", "one sees ValueError"]),
    ],
)
async def test_a_context_that_fails_fails_its_attempt_alone(
    pg: Postgres, processors: Processors, conn: Connection, fails: str, expected: list[str]
) -> None:
    """B25: what was entered before it is left, the attempt counts, and the next job runs."""
    trace: list[str] = []

    @processors.process("audio", retries=0)
    async def run(payload: str) -> None:
        trace.append("runs")

    failing = surrounding("two", trace, fails=fails)

    def chosen(job: Job[Any]) -> Any:
        return failing(job) if job.payload == "bad" else nullcontext()

    pg.push_many("audio", ["bad", "good"], on=conn)
    context = [surrounding("one", trace), chosen]
    async with running(Worker(pg, include=[processors], concurrency=1, context=context)):
        await eventually(lambda: census(conn), {"dead": 1})
    entering = ["one enters 1", "two enters 1"]
    assert trace == [*entering, *expected, "one enters 1", "runs", "one leaves"]
    assert one(conn, ERROR) == f"ValueError: two fails to {fails}"


@pytest.mark.parametrize("fails", ["enter", "exit", "handler"])
async def test_no_context_makes_a_success_of_a_failure(
    pg: Postgres, processors: Processors, conn: Connection, fails: str
) -> None:
    """B25: neither of the handler's, nor of a context inside of it: its failure counts."""

    @processors.process("audio", retries=0)
    async def run(payload: None) -> None:
        if fails == "handler":
            raise ValueError("the handler")

    pg.push("audio", None, on=conn)
    context: list[JobContext] = [Swallowing, surrounding("inner", [], fails=fails)]
    async with running(Worker(pg, include=[processors], context=context)):
        await eventually(lambda: census(conn), {"dead": 1})
    assert one(conn, ERROR).startswith("ValueError: ")


async def test_a_timeout_is_seen_as_a_cancellation_and_counts_as_a_timeout(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B25: a context that swallows the cancellation does not make the attempt a success."""
    trace: list[str] = []

    @processors.process("audio", retries=0, timeout="50ms")
    async def run(payload: None) -> None:
        await asyncio.Event().wait()

    pg.push("audio", None, on=conn)
    context: list[JobContext] = [Swallowing, surrounding("inner", trace)]
    async with running(Worker(pg, include=[processors], context=context)):
        await eventually(lambda: census(conn), {"dead": 1})
    assert trace == ["inner enters 1", "inner sees CancelledError"]
    assert "TimeoutError" in one(conn, ERROR)


async def test_middleware_is_around_the_contexts(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B25: it may catch what a context raises; a context stands next to the handler."""
    trace: list[str] = []

    @processors.process("audio")
    async def run(payload: None) -> None:
        trace.append("runs")

    async def around(job: Job[Any], call_next: Callable[[], Awaitable[None]]) -> None:
        trace.append("middleware")
        await call_next()

    pg.push("audio", None, on=conn)
    worker = Worker(
        pg, include=[processors], middleware=[around], context=[surrounding("context", trace)]
    )
    async with running(worker):
        await drained(conn)
    assert trace == ["middleware", "context enters 1", "runs", "context leaves"]


async def test_a_context_may_open_the_transaction_of_its_handler(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B25, B35: what it opens, the handler finds in `job.connection()`, and all is one commit."""
    conn.execute("create table ledger (entry int)")

    @processors.process("audio")
    async def write(job: Job[None]) -> None:
        async with job.connection() as mine:
            await mine.execute("insert into ledger values (%s)", [job.attempt])
        assert job.attempt == 2

    def transaction(job: Job[Any]) -> Any:
        return job.transaction()

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors], context=[transaction])):
        await drained(conn)
    assert conn.execute("select entry from ledger").fetchall() == [(2,)]
