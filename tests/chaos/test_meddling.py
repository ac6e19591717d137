"""Rows that an operator changes while a worker runs their jobs, and answers that nobody gets."""

from __future__ import annotations

import pytest

from pgqueue import Postgres
from tests.chaos.apps.ordinary import FENCED, GATED, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Proxy
from tests.chaos.wire import COMPLETED, spoken
from tests.chaos.workers import Workers
from tests.worker.running import Connection, census, drained, one, soon

DELETE = "delete from pgqueue.jobs where id = 1"
RELEASE = "update pgqueue.jobs set lease = null, visible_at = now() + interval '1 h'"
BURY = """
with gone as (delete from pgqueue.jobs returning id, queue, attempt, envelope)
insert into pgqueue.dead_jobs (id, queue, reason, attempt, envelope, failures, pushed_at)
select id, queue, 'aborted', attempt, envelope, '[]', now() from gone"""


@pytest.mark.parametrize(
    ("change", "left"),
    [(DELETE, {}), (RELEASE, {"ready": 1}), (BURY, {"dead": 1})],
    ids=["deleted", "given back", "buried"],
)
async def test_a_job_that_is_changed_while_it_runs_is_lost_to_its_worker(
    pg: Postgres,
    workers: Workers,
    conn: Connection,
    ledger: Ledger,
    change: str,
    left: dict[str, int],
) -> None:
    """M61, P4: its handler is cancelled, nothing of it is written, and the worker goes on."""
    pg.push(GATED, 0, on=conn)
    worker = await workers.serving()
    await ledger.until("start")
    conn.execute(change.encode())
    await ledger.until("cancelled")
    await worker.prints("LeaseLost: job 1 (gated), attempt 1")
    pg.push(QUICK, 0, on=conn)
    await ledger.until("end")
    assert await worker.stopped() == 0
    assert census(conn) == left
    assert ledger.runs() == {1: 1, 2: 1}


async def test_an_effect_is_undone_when_its_job_was_deleted_meanwhile(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """M61, P4: the transaction of its handler finds no job to complete."""
    pg.push(FENCED, 0, on=conn)
    # Longer than the test: no heartbeat finds out before the transaction does.
    worker = await workers.serving(PGQUEUE_LEASE="60s", PGQUEUE_HEARTBEAT="30s")
    await ledger.until("start")
    conn.execute(DELETE)
    ledger.open()
    await worker.prints("LeaseLost: job 1 (fenced), attempt 1")
    assert one(conn, "select count(*) from effects") == 0
    assert worker.running


async def test_a_second_worker_leaves_what_the_first_one_runs(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """A04, P3: it starts, looks, and runs what is new."""
    pg.push(GATED, 0, on=conn)
    first = await workers.serving()
    await ledger.until("start", pid=first.pid)
    second = await workers.serving("--queue", "quick,gated")
    pg.push(QUICK, 0, on=conn)
    await ledger.until("end")
    ledger.open()
    await drained(conn)
    assert [await second.stopped(), await first.stopped()] == [0, 0]
    assert ledger.runs() == {1: 1, 2: 1}


async def test_an_outcome_whose_answer_is_lost_is_neither_a_failure_nor_run_again(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger
) -> None:
    """M20, P3: the job is done, the worker reconnects, and calls nothing lost."""
    pg.push(QUICK, 0, on=conn)
    settle = proxy.trap(COMPLETED, at="done", act="cut")
    worker = await workers.serving(dsn=proxy.dsn)
    await soon(settle.sprung.wait())
    pg.push(QUICK, 0, on=conn)
    await ledger.until("end", 2)
    await drained(conn)
    assert await worker.stopped() == 0
    assert ledger.runs() == {1: 1, 2: 1}
    assert "LeaseLost" not in worker.printed


async def test_a_claim_whose_answer_is_lost_is_found_again_by_its_worker(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger
) -> None:
    """M21, P6: with a lease of an hour, its jobs run now, as their first attempt."""
    pg.push_many(QUICK, range(3), on=conn)
    claim = proxy.trap(spoken("claim"), at="done", act="cut")
    worker = await workers.serving(dsn=proxy.dsn, PGQUEUE_LEASE="1h", PGQUEUE_HEARTBEAT="1m")
    await soon(claim.sprung.wait())
    await ledger.until("end", 3)
    await drained(conn)
    assert ledger.attempts() == {1: [1], 2: [1], 3: [1]}
    assert await worker.stopped() == 0
