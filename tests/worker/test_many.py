"""Very many at once: queues of one worker, and jobs that run for long."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.conftest import QUICK
from tests.worker.running import SLEEPING, Connection, drained, eventually, one, running

QUEUES, EACH, LONG = 200, 5, 5000
BELLS = SLEEPING.replace("count(distinct pid)", "count(*)")
# By whose lease nothing would be left of it, had nobody prolonged it after the mark.
PROLONGED = "select count(*) from pgqueue.jobs where visible_at > %s::timestamptz + interval '10 s'"


@pytest.mark.usefixtures("listening")
async def test_one_worker_serves_two_hundred_queues(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """C13, K14: all of them in one claim, and asleep it holds no more locks than bells exist."""
    ran: Counter[str] = Counter()

    async def run(job: Job[int]) -> None:
        ran[job.queue] += 1

    names = [f"queue{number}" for number in range(QUEUES)]
    pg = Postgres(dsn, **(QUICK | {"poll_interval": "10m"}))
    for name in names:
        processors.process(name)(run)
        pg.push_many(name, range(EACH), on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
        assert ran == dict.fromkeys(names, EACH)
        await eventually(lambda: one(conn, SLEEPING), 1)
        assert one(conn, BELLS) <= 32
        pg.push(names[-1], 1, on=conn)
        await eventually(lambda: ran[names[-1]], EACH + 1)


@pytest.mark.timeout(180)
async def test_five_thousand_long_jobs_keep_their_leases(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """M05, P3: each lease is prolonged while its job runs, and none runs twice."""
    go = asyncio.Event()
    began: list[int] = []

    @processors.process("audio")
    async def wait(payload: int) -> None:
        began.append(payload)
        await go.wait()

    pg = Postgres(dsn, **(QUICK | {"lease": "10s", "heartbeat": "2s"}))
    pg.push_many("audio", range(LONG), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=LONG)):
        await eventually(lambda: len(began), LONG)
        mark = one(conn, "select clock_timestamp()::text")
        await eventually(lambda: one(conn, PROLONGED, mark), LONG)
        go.set()
        await drained(conn)
    assert sorted(began) == list(range(LONG))
