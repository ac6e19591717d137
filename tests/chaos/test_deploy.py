"""Workers come and go by signals, at any moment, and every job's every attempt is accounted for."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Sequence
from itertools import pairwise

from pgqueue import Postgres
from tests.chaos.apps.counted import COUNTED, SLOW
from tests.chaos.ledger import Entry, Ledger
from tests.chaos.workers import Worker, Workers
from tests.worker.running import Connection, census, drained, eventually, one

JOBS = 2000
REPLACED = 8
BATCH = JOBS // REPLACED
EFFECTS = "select count(*), count(distinct job) from effects"


def unexplained(ledger: Ledger, workers: Workers) -> list[tuple[Entry, Entry]]:
    """Attempts after which the job ran again, and nothing in a log says why."""
    killed = {one.pid for one in workers.started if one.process.returncode == -signal.SIGKILL}
    printed = {one.pid: one.printed for one in workers.started}
    released = {(one.job, one.attempt, one.pid) for one in ledger.entries("CancelledError")}
    runs: dict[int, list[Entry]] = {}
    for start in ledger.entries("start"):
        runs.setdefault(start.job, []).append(start)
    return [
        (first, again)
        for starts in runs.values()
        for first, again in pairwise(starts)
        if first.pid not in killed
        and (first.job, first.attempt, first.pid) not in released
        and f"LeaseLost: job {first.job} " not in printed[first.pid]
    ]


async def replaced(workers: Workers, crew: Sequence[Worker], rng: random.Random) -> list[Worker]:
    """End a worker by one signal or another, and start the next one."""
    leaving = rng.choice(crew)
    number = rng.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGKILL])
    leaving.signal(number)
    coming = workers.start("--concurrency", "5", app="counted")
    assert await leaving.ended() == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    await coming.prints("started")
    return [*(one for one in crew if one is not leaving), coming]


async def test_two_thousand_jobs_while_four_workers_are_replaced_again_and_again(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P1, P3, P6, M01, M16, A03: each done once; run again only after a kill or a lost lease."""
    rng = random.Random(7)
    crew = [workers.start("--concurrency", "5", app="counted") for _ in range(4)]
    for one_of_them in crew:
        await one_of_them.prints("started")
    for _ in range(REPLACED):
        pg.push_many(COUNTED, range(BATCH), on=conn)
        at_work = len(ledger.entries("end")) + rng.randrange(BATCH // 4, BATCH // 2)
        await ledger.until("end", at_work)
        crew = await replaced(workers, crew, rng)
    await drained(conn)
    ends = await asyncio.gather(*(one.stopped() for one in crew))
    assert ends == [0, 0, 0, 0]
    assert (census(conn), one(conn, EFFECTS)) == ({}, (JOBS, JOBS))
    assert set(ledger.runs()) == set(range(1, JOBS + 1))
    assert unexplained(ledger, workers) == []
    # None of them ended by its own doing: a drained worker lets its jobs finish.
    drained_pids = {one.pid for one in workers.started if one.process.returncode == 0}
    left = [one for one in ledger.entries("CancelledError") if one.pid in drained_pids]
    assert left == []


async def test_a_deploy_burns_no_attempts(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """M16, P3: what does not finish in the grace is given back uncounted, deploy after deploy."""
    pg.push_many(SLOW, range(3), on=conn)
    for deploy in range(1, 4):
        leaving = await workers.serving(app="counted", PGQUEUE_SHUTDOWN_TIMEOUT="100ms")
        await ledger.until("start", 3 * deploy)
        assert await leaving.stopped() == 0
        await eventually(lambda: census(conn), {"ready": 3})
    await workers.serving(app="counted")
    await drained(conn)
    assert ledger.attempts() == {1: [1] * 4, 2: [1] * 4, 3: [1] * 4}
    assert len(ledger.entries("cancelled")) == 9
    assert len(ledger.entries("end")) == 3
