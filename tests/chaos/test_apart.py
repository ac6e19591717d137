"""Handlers in processes of their own, and handlers that will not end, in real workers."""

from __future__ import annotations

import pytest

from pgqueue import Postgres, Queue
from tests.chaos.apps.apart import APART, REGEX, SPINS, SWALLOWS
from tests.chaos.apps.exits import DEADLY, SURVIVED
from tests.chaos.ledger import Ledger
from tests.chaos.workers import Workers
from tests.worker.running import Connection, census, drained, eventually, one

STUCK = 75
DEAD = "select array_agg(distinct (reason, attempt)::text) from pgqueue.dead_jobs"
LAST = """select max(failures -> -1 ->> 'error') from pgqueue.dead_jobs
where envelope ->> 'payload' = %s"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_what_ends_a_process_ends_that_attempt_alone(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, loop: str
) -> None:
    """M09, M15, P7: a segfault costs a process and an attempt; the worker and the others live."""
    ways = [*DEADLY, *SURVIVED]
    pg.push_many(APART, [*ways, *["innocent"] * 20], on=conn)
    worker = await workers.serving("--concurrency", "2", "--loop", loop, app="apart")
    await eventually(lambda: census(conn), {"dead": len(ways)})
    assert one(conn, DEAD) == ["(exhausted,2)"]
    assert "SIGSEGV" in one(conn, LAST, "segfault")
    assert set(ledger.runs().values()) == {2}
    ends = ledger.entries("end")
    assert len(ends) == 20
    assert worker.pid not in {entry.pid for entry in ends}
    assert await worker.stopped() == 0


async def test_code_that_holds_the_interpreter_keeps_its_lease_in_a_process(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """M12, P3: a regular expression that takes three leases runs once; a sibling looks on."""
    pg.push(REGEX, 3.0, on=conn)
    brief = {"PGQUEUE_LEASE": "1s", "PGQUEUE_HEARTBEAT": "200ms"}
    working = await workers.serving("--concurrency", "1", app="apart", **brief)
    await ledger.until("start")
    await workers.serving("--concurrency", "1", app="apart", **brief)
    await drained(conn)
    assert ledger.attempts() == {1: [1]}
    assert "LeaseLost" not in working.printed


async def test_a_thread_that_never_ends_is_given_up_and_its_worker_leaves(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """M13, P6: its attempt has failed, its worker exits with 75, and the next one runs it."""
    pg.push(SPINS, 0, on=conn)
    stuck = await workers.serving("--concurrency", "1", app="apart")
    assert await stuck.ended() == STUCK
    assert "job 1 (spins), attempt 1: its attempt was given up" in stuck.printed
    assert census(conn).keys() <= {"ready", "scheduled"}
    await workers.serving("--concurrency", "1", app="apart")
    await drained(conn)
    assert ledger.attempts() == {1: [1, 2]}
    assert [entry.attempt for entry in ledger.entries("end")] == [2]


@pytest.mark.parametrize("queue", [SWALLOWS, SPINS])
async def test_one_that_never_ends_costs_a_slot_and_not_the_worker(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, queue: Queue[int]
) -> None:
    """M13, M14, P6: what heeds no cancellation is given up; its worker runs it again, and stops."""
    pg.push(queue, 0, on=conn)
    worker = await workers.serving("--concurrency", "2", app="apart")
    assert (await ledger.until("end")).attempt == 2
    await drained(conn)
    assert ledger.attempts() == {1: [1, 2]}
    assert {entry.pid for entry in ledger.entries()} == {worker.pid}
    assert len(ledger.entries("swallowed")) == (2 if queue is SWALLOWS else 0)
    assert await worker.stopped() == 0
