"""A handler may end in any way at all: that costs its own attempts, and nobody else's."""

from __future__ import annotations

import signal

import pytest

from pgqueue import Postgres, Queue
from tests.chaos.apps.exits import DEADLY, INNOCENT, LOOP, SURVIVED, THREAD
from tests.chaos.ledger import Ledger
from tests.chaos.workers import Worker, Workers
from tests.worker.running import Connection, census, eventually, one

BRIEF = {"PGQUEUE_LEASE": "1s", "PGQUEUE_HEARTBEAT": "200ms"}
DEAD = "select array_agg(distinct (reason, attempt)::text) from pgqueue.dead_jobs"
ERRORS = "select array_agg(distinct failures -> -1 ->> 'error') from pgqueue.dead_jobs"
CODES = {"os._exit(0)": 0, "segfault": -signal.SIGSEGV, "abort": -signal.SIGABRT}


async def exit_worker(workers: Workers, **variables: str) -> Worker:
    return await workers.serving("--concurrency", "4", app="exits", **variables)


@pytest.mark.parametrize("queue", [LOOP, THREAD])
async def test_what_python_can_catch_ends_that_attempt_alone(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, queue: Queue[str]
) -> None:
    """M15, A25, P7: all of them, one after the other in one process, which lives."""
    pg.push_many(queue, SURVIVED, on=conn)
    pg.push_many(INNOCENT, range(20), on=conn)
    worker = await exit_worker(workers)
    await eventually(lambda: census(conn), {"dead": len(SURVIVED)})
    assert one(conn, DEAD) == ["(exhausted,2)"]
    assert len(one(conn, ERRORS)) == len(SURVIVED)
    assert len(ledger.entries("end")) == 20
    assert set(ledger.runs().values()) == {1, 2}
    assert await worker.stopped() == 0


@pytest.mark.parametrize("way", DEADLY)
async def test_what_ends_the_process_kills_no_second_one_for_ever(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, way: str
) -> None:
    """M09, M15, A26, P7: two workers die of it; the third buries it as lost, and lives."""
    pg.push(LOOP, way, on=conn)
    for _ in range(2):
        dying = workers.start("--concurrency", "1", app="exits", **BRIEF)
        assert await dying.ended() == CODES.get(way, -signal.SIGKILL)
    pg.push(INNOCENT, 0, on=conn)
    living = await exit_worker(workers, **BRIEF)
    await eventually(lambda: census(conn), {"dead": 1})
    await ledger.until("end", pid=living.pid)
    assert (one(conn, DEAD), ledger.runs()[1]) == (["(lost,2)"], 2)
    assert one(conn, ERRORS)[0].startswith("worker lost")
    assert await living.stopped() == 0
