"""Whatever a handler raises is its own attempt's failure, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running


class Bare(BaseException):
    """Nobody's subclass."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class Untouchable(Exception):
    """Whoever looks at it runs its code."""

    def __getattribute__(self, name: str) -> object:
        raise KeyboardInterrupt


Hostile = type("Hostile\n\x1b[2J" * 2000, (Exception,), {})

KINDS = [
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    RecursionError,
    MemoryError,
    StopIteration,
    StopAsyncIteration,
    Bare,
    asyncio.CancelledError,
    Unprintable,
    Hostile,
]


def coloured(colour: str, act: Callable[[Job[str]], None], beside: asyncio.Event) -> Processors:
    """Return processors whose audio handler is of that colour, and one that waits beside it."""
    processors = Processors()

    async def on_the_loop(job: Job[str]) -> None:
        act(job)

    def on_a_thread(job: Job[str]) -> None:
        act(job)

    chosen: Any = on_the_loop if colour == "async def" else on_a_thread
    processors.process("audio", retries=1)(chosen)

    @processors.process("beside")
    async def wait(payload: None) -> None:
        await beside.wait()

    return processors


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__[:20].strip())
@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_any_exception_is_a_failure_of_one_attempt(
    pg: Postgres, conn: Connection, kind: type[BaseException], colour: str
) -> None:
    """A25, C24: it counts and is retried by the budget; the worker runs on, beside and after it."""
    ran: list[tuple[str, int]] = []
    beside = asyncio.Event()

    def act(job: Job[str]) -> None:
        ran.append((job.payload, job.attempt))
        if job.payload == "raise":
            raise kind("no more")

    pg.push("beside", None, on=conn)
    pg.push_many("audio", ["raise", "next"], on=conn)
    included = coloured(colour, act, beside)
    async with running(Worker(pg, include=[included], concurrency=2)):
        await eventually(lambda: census(conn), {"leased": 1, "dead": 1})
        assert sorted(ran) == [("next", 1), ("raise", 1), ("raise", 2)]
        beside.set()
        await drained(conn)
    name, errors = kind.__name__[:7], one(conn, ERRORS)
    assert len(errors) == 2
    # Python itself turns a StopIteration that leaves a coroutine into a RuntimeError.
    assert all(name in error or "raised StopIteration" in error for error in errors)


ERRORS = "select jsonb_path_query_array(failures, '$[*].error') from pgqueue.dead_jobs"


async def test_a_handlers_frames_are_kept_and_no_local_variable(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A24: the dead letter shows where it failed, without what it had in its hands."""

    @processors.process("audio", retries=0)
    async def fail(payload: dict[str, str]) -> None:
        held = payload["secret"]
        raise ValueError(len(held))

    pg.push("audio", {"secret": "canary"}, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    traceback = one(conn, "select failures -> 0 ->> 'traceback' from pgqueue.dead_jobs")
    assert "raise ValueError(len(held))" in traceback
    assert "canary" not in traceback
    assert "pgqueue/worker" not in traceback


USER: ContextVar[str] = ContextVar("USER", default="nobody")


async def test_nothing_leaks_from_one_job_into_the_next(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A28: a context variable set by one attempt is unset in the next, on loop and thread."""
    seen: list[str] = []

    def work() -> None:
        seen.append(USER.get())
        USER.set("somebody")

    @processors.process("loop")
    async def on_the_loop(payload: int) -> None:
        work()

    @processors.process("thread")
    def on_a_thread(payload: int) -> None:
        work()

    USER.set("the caller")
    for queue in ("loop", "thread"):
        pg.push_many(queue, range(3), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert seen == ["nobody"] * 6


def group() -> BaseException:
    return ExceptionGroup("several", [ValueError("one"), ExceptionGroup("in", [KeyError("two")])])


def large() -> BaseException:
    return ValueError("é" * 10**7)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (group, "ExceptionGroup: several (2 sub-exceptions)"),
        (large, "ValueError: éééééééééé"),
        (lambda: Untouchable(), "RuntimeError: the handler raised an exception that cannot be"),
    ],
)
@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_what_is_raised_may_be_large_or_hostile(
    pg: Postgres, conn: Connection, make: Callable[[], BaseException], error: str, colour: str
) -> None:
    """A25, M15, M59: it is kept shortened, or not looked at, and the next job runs."""

    def act(job: Job[str]) -> None:
        if job.payload == "raise":
            raise make()

    pg.push_many("audio", ["raise", "next"], on=conn, attempts=1)
    included = coloured(colour, act, asyncio.Event())
    async with running(Worker(pg, include=[included], concurrency=1)):
        await eventually(lambda: census(conn), {"dead": 1})
    [kept] = one(conn, ERRORS)
    assert kept.startswith(error)
    assert one(conn, "select pg_column_size(failures) from pgqueue.dead_jobs") < 80_000
