"""A handler that takes too long is ended, and its attempt counts."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running, soon

DEAD = "select reason, attempt, failures -> -1 ->> 'error' from pgqueue.dead_jobs"


async def test_an_async_handler_is_cancelled_at_its_timeout(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C37: it is retried by its budget, then dead, and the error says how long it had."""
    cancelled: list[int] = []

    @processors.process("audio", timeout="100ms", retries=1)
    async def wait(job: Job[int]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(job.attempt)
            raise

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert cancelled == [1, 2]
    assert one(conn, DEAD) == ("exhausted", 2, "TimeoutError: it took longer than 100ms")


async def test_the_pushs_timeout_counts_before_the_processors(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C37: a push that allows less gets less."""

    @processors.process("audio", timeout="1h", retries=0)
    async def wait(payload: int) -> None:
        await asyncio.Event().wait()

    pg.push("audio", 1, on=conn, timeout="50ms")
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert one(conn, DEAD) == ("exhausted", 1, "TimeoutError: it took longer than 50ms")


async def test_a_handler_that_ends_in_time_hears_nothing_of_its_timeout(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C37: the alarm of a finished attempt does not go off in the next one."""
    ran: list[tuple[int, int]] = []

    @processors.process("audio")
    async def run(job: Job[float]) -> None:
        await asyncio.sleep(job.payload)
        ran.append((job.id, job.attempt))

    pg.push("audio", 0, on=conn, timeout="100ms")
    pg.push("audio", 0.3, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert ran == [(1, 1), (2, 1)]


@pytest.mark.parametrize("swallows", [True, False])
async def test_the_transaction_of_a_handler_that_is_too_late_is_undone(
    pg: Postgres, processors: Processors, conn: Connection, swallows: bool
) -> None:
    """C37: what it wrote is rolled back, or, if it made an end after all, it is done."""
    conn.execute("create table ledger (entry int)")

    @processors.process("audio", timeout="1s", retries=0)
    async def write(job: Job[int]) -> None:
        async with job.transaction() as mine:
            await mine.execute("insert into ledger values (1)")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not swallows:
                    raise

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {} if swallows else {"dead": 1})
    assert one(conn, "select count(*) from ledger") == (1 if swallows else 0)


async def test_a_blocking_handler_that_is_too_late_has_lost_its_attempt(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C37: its thread cannot be ended, but its attempt is settled and the worker goes on."""
    go, ran = threading.Event(), asyncio.Event()

    @processors.process("audio", timeout="100ms", retries=0)
    def block(payload: int) -> None:
        go.wait()

    @processors.process("next")
    async def run(payload: int) -> None:
        ran.set()

    pg.push("audio", 1, on=conn)
    try:
        async with running(Worker(pg, include=[processors], concurrency=1)):
            await eventually(lambda: census(conn), {"dead": 1})
            pg.push("next", 1, on=conn)
            await soon(ran.wait())
    finally:
        go.set()
    assert one(conn, DEAD) == ("exhausted", 1, "TimeoutError: it took longer than 100ms")
