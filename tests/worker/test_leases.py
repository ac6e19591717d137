"""Leases: kept while a worker lives, lost when it stalls, and never settled by the loser."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


def short_lease(dsn: str) -> Postgres:
    return Postgres(dsn, **(QUICK | {"lease": "1s", "heartbeat": "200ms", "poll_interval": "50ms"}))


def lapse(conn: Connection) -> None:
    """Let every lease lapse, by moving the rows and not the clock."""
    conn.execute(
        "update pgqueue.jobs set visible_at = now() - interval '1 s' where lease is not null"
    )


def holding(processors: Processors) -> asyncio.Queue[tuple[str, int]]:
    """Register a handler that holds its attempt until it is cancelled, and tells of both."""
    told: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    @processors.process("audio")
    async def hold(job: Job[int]) -> None:
        told.put_nowait(("started", job.attempt))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.put_nowait(("cancelled", job.attempt))
            raise

    return told


async def test_a_job_five_times_its_lease_runs_once(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """K07, M05: heartbeats keep the lease while two idle siblings look for something to do."""
    runs: list[int] = []

    @processors.process("audio")
    async def work(job: Job[int]) -> None:
        runs.append(job.attempt)
        await asyncio.sleep(5)

    pg = short_lease(dsn)
    pg.push("audio", 1, on=conn)
    async with (
        running(Worker(pg, include=[processors])),
        running(Worker(pg, include=[processors])),
        running(Worker(pg, include=[processors])),
    ):
        await drained(conn)
    assert (runs, census(conn)) == ([1], {})


async def test_a_lapsed_lease_makes_the_job_visible_again_and_counts_once(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """K05: not dead, attempt 2, and its failures say that a worker was lost."""
    seen: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        seen.put_nowait(job.attempt)
        raise ValueError

    pg.push("audio", 1, on=conn)
    conn.execute("update pgqueue.jobs set lease = 7, worker = 'gone', attempt = 1")
    lapse(conn)
    async with running(Worker(pg, include=[processors])):
        assert await soon(seen.get()) == 2
        await eventually(lambda: one(conn, "select attempt from pgqueue.scheduled_jobs") or 2, 2)
    lost, own = one(conn, "select failures from pgqueue.all_jobs")[:2]
    assert (lost["attempt"], lost["worker"], lost["lost"]) == (1, "gone", True)
    assert lost["error"].startswith("worker lost")
    assert (own["attempt"], own["error"]) == (2, "ValueError")


async def test_a_worker_that_lost_its_lease_is_stopped_at_its_next_heartbeat(
    dsn: str, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """K06: another runs the job; the first handler is cancelled and LeaseLost is logged."""
    told = holding(processors)
    others = Processors()
    go = asyncio.Event()
    again: asyncio.Queue[int] = asyncio.Queue()

    @others.process("audio")
    async def run(job: Job[int]) -> None:
        again.put_nowait(job.attempt)
        await go.wait()

    pg = short_lease(dsn)
    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        assert await soon(told.get()) == ("started", 1)
        lapse(conn)
        async with running(Worker(pg, include=[others])):
            assert await soon(again.get()) == 2
            assert await soon(told.get()) == ("cancelled", 1)
            await eventually(lambda: "LeaseLost: job 1 (audio), attempt 1" in caplog.text, True)
            assert one(conn, "select attempt from pgqueue.jobs where visible_at > now()") == 2
            go.set()
            await drained(conn)
    assert census(conn) == {}


OUTCOMES: dict[str, Any] = {"returns": None, "raises": ValueError("late")}


@pytest.mark.parametrize("end", OUTCOMES)
async def test_the_outcome_of_a_lost_attempt_changes_nothing(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    end: str,
) -> None:
    """K06: returned or raised before any heartbeat: the new holder's row stays as it is."""
    started, go = asyncio.Event(), asyncio.Event()

    @processors.process("audio")
    async def run(payload: int) -> None:
        started.set()
        await go.wait()
        if OUTCOMES[end]:
            raise OUTCOMES[end]

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await soon(started.wait())
        conn.execute(
            "update pgqueue.jobs set lease = 7, worker = 'another', attempt = 2,"
            " visible_at = now() + interval '1 min'"
        )
        before = conn.execute("select * from pgqueue.all_jobs").fetchall()
        go.set()
        await eventually(lambda: "LeaseLost: job 1 (audio), attempt 1" in caplog.text, True)
    assert conn.execute("select * from pgqueue.all_jobs").fetchall() == before


async def test_a_worker_that_claims_its_own_lapsed_job_cancels_the_first_attempt(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """K06: it never runs two attempts at one job with both of them thinking they hold it."""
    told = holding(processors)
    pg = Postgres(dsn, **(QUICK | {"shutdown_timeout": "0s"}))
    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=2)):
        assert await soon(told.get()) == ("started", 1)
        lapse(conn)
        after = [await soon(told.get()), await soon(told.get())]
        assert sorted(after) == [("cancelled", 1), ("started", 2)]
        assert one(conn, "select attempt from pgqueue.jobs where visible_at > now()") == 2


async def test_a_job_that_an_operator_removed_is_cancelled(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """K06: a row that is gone is a lease that is gone."""
    told = holding(processors)
    pg = short_lease(dsn)
    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        assert await soon(told.get()) == ("started", 1)
        conn.execute("delete from pgqueue.jobs")
        assert await soon(told.get()) == ("cancelled", 1)
