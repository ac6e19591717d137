"""Middleware: an onion around every attempt, whose raising counts as the handler's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from pgqueue import Abort, Job, Middleware, Postgres, Processors, RetryAfter, Snooze, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running

Next = Callable[[], Awaitable[None]]


def noting(name: str, trace: list[str]) -> Middleware:
    """Make a middleware that notes when it is entered and left, and with what."""

    async def note(job: Job[Any], call_next: Next) -> None:
        trace.append(f"{name} enters")
        try:
            await call_next()
        except Exception as error:
            trace.append(f"{name} sees {type(error).__name__}")
            raise
        trace.append(f"{name} leaves")

    return note


@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_the_first_is_the_outermost(
    pg: Postgres, processors: Processors, conn: Connection, colour: str
) -> None:
    """Around every attempt, in the order given; a failure passes through all of them."""
    trace: list[str] = []

    def work(job: Job[None]) -> None:
        trace.append(f"runs {job.attempt}")
        if job.attempt == 1:
            raise ValueError

    async def on_the_loop(job: Job[None]) -> None:
        work(job)

    def on_a_thread(job: Job[None]) -> None:
        work(job)

    handler: Any = on_a_thread if colour == "def" else on_the_loop
    processors.process("audio")(handler)
    pg.push("audio", None, on=conn)
    middleware = [noting("one", trace), noting("two", trace)]
    async with running(Worker(pg, include=[processors], middleware=middleware)):
        await drained(conn)
    first = ["one enters", "two enters", "runs 1", "two sees ValueError", "one sees ValueError"]
    second = ["one enters", "two enters", "runs 2", "two leaves", "one leaves"]
    assert trace == first + second


async def test_it_sees_the_decoded_job_and_not_the_skipped_ones(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """What is skipped or cannot be read never ran, and is nothing to wrap."""
    seen: list[object] = []

    @processors.process("audio", condition=lambda payload: payload > 1)
    async def run(payload: int) -> None: ...

    async def see(job: Job[Any], call_next: Next) -> None:
        seen.append((job.queue, job.name, job.payload, job.attempt))
        await call_next()

    pg.push_many("audio", [1, 2], on=conn, name="wave")
    pg.push("audio", "unreadable", on=conn)
    async with running(Worker(pg, include=[processors], middleware=[see])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert seen == [("audio", "wave", 2, 1)]


async def test_one_that_does_not_go_on_completes_the_job(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """The handler does not run, and the job is done."""

    @processors.process("audio")
    async def run(payload: None) -> None:
        raise AssertionError("nobody called it")

    async def stay(job: Job[Any], call_next: Next) -> None: ...

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors], middleware=[stay])):
        await drained(conn)
    assert census(conn) == {}


async def test_one_that_bears_a_failure_completes_the_job(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """Changing what happens is what it is for: a failure that it swallows is none."""

    @processors.process("audio")
    async def run(payload: None) -> None:
        raise ValueError

    async def bear(job: Job[Any], call_next: Next) -> None:
        try:
            await call_next()
        except ValueError:
            return

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors], middleware=[bear])):
        await drained(conn)
    assert census(conn) == {}


@pytest.mark.parametrize(
    ("verdict", "state", "attempt"),
    [
        (Snooze(timedelta(hours=1)), "scheduled", 0),
        (RetryAfter(timedelta(hours=1)), "scheduled", 1),
        (Abort("never"), "dead", 1),
    ],
)
@pytest.mark.parametrize("before", [True, False])
async def test_its_verdicts_count_as_the_handlers_own(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    verdict: Exception,
    state: str,
    attempt: int,
    before: bool,
) -> None:
    """Given before the handler runs it does not run; given after it, its end does not matter."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(job: Job[None]) -> None:
        ran.append(job.attempt)

    async def decide(job: Job[Any], call_next: Next) -> None:
        if not before:
            await call_next()
        raise verdict

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors], middleware=[decide])):
        await eventually(lambda: census(conn), {state: 1})
    assert ran == ([] if before else [1])
    assert one(conn, f"select attempt from pgqueue.{state}_jobs") == attempt
