"""Attempts, retries and backoff: each processor's own, bounded, and kept in rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from pgqueue import Job, Postgres, Processors, Worker, exponential, fixed
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


async def test_a_job_that_always_fails_runs_once_and_three_retries(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A07, A24: `attempt` counts 1 to 4, and the dead letter keeps every failure."""
    attempts = []

    @processors.process("audio", retries=3)
    async def fail(job: Job[int]) -> None:
        attempts.append((job.id, job.attempt, job.max_attempts))
        raise ValueError(f"failure {job.attempt}")

    job = pg.push("audio", 7, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert attempts == [(job, n, 4) for n in (1, 2, 3, 4)]
    row = conn.execute(
        "select id, reason, attempt, envelope -> 'payload',"
        " jsonb_path_query_array(failures, '$[*].error') from pgqueue.dead_jobs"
    ).fetchone()
    errors = [f"ValueError: failure {n}" for n in (1, 2, 3, 4)]
    assert row == (job, "exhausted", 4, 7, errors)


@pytest.mark.parametrize(("retries", "runs"), [(0, 1), (None, 5)])
async def test_without_a_word_five_attempts_hold_and_without_retries_one(
    pg: Postgres, processors: Processors, conn: Connection, retries: int | None, runs: int
) -> None:
    """A08: no retries mean one run; nothing said means five attempts in all."""
    ran = 0

    @processors.process("audio", retries=retries)
    async def fail(payload: int) -> None:
        nonlocal ran
        ran += 1
        raise ValueError

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert ran == runs


async def test_the_backoff_is_waited_for_in_the_row_while_other_jobs_run(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A09: the waits double, no slot is held meanwhile, and the next run is not early."""
    ended: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("slow", retries=3, backoff=exponential("300ms", jitter=0))
    async def fail(job: Job[int]) -> None:
        ended.put_nowait(job.attempt)
        raise ValueError

    @processors.process("other")
    async def run(payload: int) -> None:
        ended.put_nowait(-payload)

    pg.push("slow", 0, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        for attempt, wait in ((1, 0.3), (2, 0.6), (3, 1.2)):
            assert await soon(ended.get()) == attempt
            await eventually(lambda: census(conn), {"scheduled": 1})
            assert one(conn, WAIT) == pytest.approx(wait)
            pg.push("other", attempt, on=conn)
            assert await soon(ended.get()) == -attempt
        assert await soon(ended.get()) == 4
        await drained(conn)
    gaps = one(
        conn,
        "select array_agg(gap) from (select extract(epoch from at - lag(at) over (order by at))"
        " ::float8 as gap from (select (f ->> 'at')::timestamptz as at from pgqueue.dead_jobs,"
        " jsonb_array_elements(failures) as f) one) two where gap is not null",
    )
    assert len(gaps) == 3
    assert all(gap >= wait for gap, wait in zip(gaps, (0.3, 0.6, 1.2), strict=True))


WAIT = """
select extract(epoch from run_at - (failures -> -1 ->> 'at')::timestamptz)::float8
from pgqueue.scheduled_jobs"""


async def test_each_processor_follows_its_own_policy(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A10: two processors of one worker, each with its own retries, backoff and concurrency."""
    running_now = {"once": 0, "twice": 0}
    peak = {"once": 0, "twice": 0}

    async def fail(queue: str) -> None:
        running_now[queue] += 1
        peak[queue] = max(peak[queue], running_now[queue])
        await asyncio.sleep(0.05)
        running_now[queue] -= 1
        raise ValueError

    @processors.process("once", retries=0, concurrency=1)
    async def once(payload: int) -> None:
        await fail("once")

    @processors.process("twice", retries=1, concurrency=3, backoff=fixed("50ms"))
    async def twice(payload: int) -> None:
        await fail("twice")

    for queue in ("once", "twice"):
        pg.push_many(queue, range(3), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 6})
    found = conn.execute("select queue, attempt from pgqueue.dead_jobs group by 1, 2 order by 1")
    assert found.fetchall() == [("once", 1), ("twice", 2)]
    assert peak == {"once": 1, "twice": 3}


async def test_the_pushs_word_counts_before_the_processors(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B26: attempts and backoff of the push decide, and travel with the job to its death."""
    attempts = []

    @processors.process("audio", retries=0, backoff=fixed("1h"))
    async def fail(job: Job[int]) -> None:
        attempts.append((job.attempt, job.max_attempts))
        raise ValueError

    pg.push("audio", 1, on=conn, attempts=2, backoff=fixed("20ms"))
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert attempts == [(1, 2), (2, 2)]
    assert one(conn, "select max_attempts from pgqueue.dead_jobs") == 2


def refusing(failures: int) -> timedelta:
    raise SystemExit(failures)


def negative(failures: int) -> timedelta:
    return timedelta(seconds=-failures)


def wordless(failures: int) -> timedelta:
    return None  # type: ignore[return-value]


@pytest.mark.parametrize("backoff", [refusing, negative, wordless])
async def test_a_backoff_function_that_fails_costs_neither_job_nor_worker(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    backoff: Callable[[int], timedelta],
) -> None:
    """The default backoff, one second at first, is used, and the log names the processor."""

    @processors.process("audio", backoff=backoff)
    async def fail(payload: int) -> None:
        raise ValueError

    done = asyncio.Event()

    @processors.process("other")
    async def run(payload: int) -> None:
        done.set()

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"scheduled": 1})
        pg.push("other", 1, on=conn)
        await soon(done.wait())
    assert 1 <= one(conn, WAIT) <= 1.1
    [record] = [one for one in caplog.records if "backoff" in one.getMessage()]
    assert "test_policy" in record.getMessage()
