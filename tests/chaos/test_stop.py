"""A worker that is frozen beyond its leases and wakes up again changes nothing any more."""

from __future__ import annotations

import signal

from pgqueue import Postgres
from tests.chaos.apps.ordinary import FENCED, GATED, QUICK, THREAD
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Proxy
from tests.chaos.wire import COMPLETED
from tests.chaos.workers import Workers
from tests.worker.running import Connection, census, drained, eventually, one, soon

FAILURES = "select failures from pgqueue.jobs"


async def test_its_handler_is_cancelled_and_the_job_is_anothers(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P4, M04, K06: the other one finishes the job; the thawed worker lives, and works on."""
    pg.push(GATED, 0, on=conn)
    frozen = await workers.serving()
    await ledger.until("start")
    frozen.signal(signal.SIGSTOP)
    other = await workers.serving()
    assert (await ledger.until("start", pid=other.pid)).attempt == 2
    frozen.signal(signal.SIGCONT)
    await ledger.until("cancelled", pid=frozen.pid)
    await frozen.prints("LeaseLost: job 1 (gated), attempt 1")
    assert (census(conn), len(one(conn, FAILURES))) == ({"leased": 1}, 1)
    ledger.open()
    await drained(conn)
    assert await other.stopped() == 0
    assert [entry.pid for entry in ledger.entries("end")] == [other.pid]
    pg.push(QUICK, 0, on=conn)
    await ledger.until("end", pid=frozen.pid)
    assert await frozen.stopped() == 0


async def test_its_thread_may_end_and_settles_nothing(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P4, M04, K06: the handler cannot be cancelled; its outcome is not the job's."""
    pg.push(THREAD, 0, on=conn)
    frozen = await workers.serving()
    await ledger.until("start")
    frozen.signal(signal.SIGSTOP)
    other = await workers.serving()
    await ledger.until("start", pid=other.pid)
    frozen.signal(signal.SIGCONT)
    ledger.open(frozen.pid)
    await ledger.until("end", pid=frozen.pid)
    await frozen.prints("LeaseLost: job 1 (thread), attempt 1")
    assert (census(conn), one(conn, "select attempt from pgqueue.jobs")) == ({"leased": 1}, 2)
    ledger.open(other.pid)
    await drained(conn)
    assert [(one.attempt, one.event) for one in ledger.entries(pid=other.pid)] == [
        (2, "start"),
        (2, "end"),
    ]


async def test_an_outcome_that_waited_in_it_is_refused(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger
) -> None:
    """P4, M04, K06: frozen between its handler's end and its settlement."""
    pg.push(GATED, 0, on=conn)
    frozen = await workers.serving(dsn=proxy.dsn)
    await ledger.until("start")
    settle = proxy.trap(COMPLETED, at="sent")
    ledger.open()
    await soon(settle.sprung.wait())
    frozen.signal(signal.SIGSTOP)
    ledger.shut()
    other = await workers.serving()
    await ledger.until("start", pid=other.pid)
    settle.release()
    frozen.signal(signal.SIGCONT)
    await frozen.prints("LeaseLost: job 1 (gated), attempt 1")
    assert (census(conn), one(conn, "select attempt from pgqueue.jobs")) == ({"leased": 1}, 2)
    ledger.open()
    await drained(conn)


async def test_what_its_transaction_wrote_is_undone(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P4, M04: the effect exists once, and it is the other worker's."""
    pg.push(FENCED, 0, on=conn)
    frozen = await workers.serving()
    await ledger.until("start")
    frozen.signal(signal.SIGSTOP)
    ledger.open()
    other = await workers.serving()
    await ledger.until("end", pid=other.pid)
    await drained(conn)
    frozen.signal(signal.SIGCONT)
    await frozen.prints("LeaseLost: job 1 (fenced), attempt 1")
    assert conn.execute("select attempt, pid from effects").fetchall() == [(2, other.pid)]


async def test_a_lease_that_lapsed_and_that_nobody_took_is_still_its_own(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P3, M04, M08: alone and thawed, it goes on where it stood; nothing runs twice."""
    pg.push(GATED, 0, on=conn)
    # With room for another it may claim the job itself before it extends its lease.
    frozen = await workers.serving("--concurrency", "1")
    await ledger.until("start")
    frozen.signal(signal.SIGSTOP)
    await eventually(lambda: census(conn), {"ready": 1})
    frozen.signal(signal.SIGCONT)
    await eventually(lambda: census(conn), {"leased": 1})
    ledger.open()
    await drained(conn)
    assert [(one.event, one.attempt) for one in ledger.entries()] == [("start", 1), ("end", 1)]


async def test_freezing_neither_gives_away_a_slot_nor_keeps_one(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """M08: with room for one, each runs one at a time, frozen twice or not; and all go on."""
    one_slot = ("--concurrency", "1")
    frozen = await workers.serving(*one_slot)
    pids = [frozen.pid]
    for job in (1, 2):
        pg.push(GATED, 0, on=conn)
        assert (await ledger.until("start", job, pid=frozen.pid)).job == job
        frozen.signal(signal.SIGSTOP)
        other = await workers.serving(*one_slot)
        pids.append(other.pid)
        assert (await ledger.until("start", pid=other.pid)).job == job
        frozen.signal(signal.SIGCONT)
    pg.push_many(GATED, [0, 0], on=conn)
    assert (await ledger.until("start", 3, pid=frozen.pid)).job == 3
    assert census(conn) == {"leased": 3, "ready": 1}
    ledger.open()
    await drained(conn)
    assert [ledger.peak(pid) for pid in pids] == [1, 1, 1]
    assert {entry.job for entry in ledger.entries("end")} == {1, 2, 3, 4}
