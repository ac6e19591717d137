"""A worker that is killed at any point of an attempt loses no job, and settles none twice."""

from __future__ import annotations

import signal

import psycopg
import pytest

from pgqueue import Postgres, Queue
from tests.chaos.apps.ordinary import FENCED, GATED, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Proxy
from tests.chaos.wire import COMPLETED, spoken
from tests.chaos.workers import Worker, Workers
from tests.worker.running import Connection, census, drained, eventually, one, soon

JOBS = [0, 1, 2]
ATTEMPTS = "select coalesce(array_agg(distinct attempt), '{}') from pgqueue.jobs"
LAPSED = """
select bool_and(failures -> -1 ->> 'lost' = 'true' and jsonb_array_length(failures) = attempt - 1)
from pgqueue.jobs"""


async def taken_over(workers: Workers, conn: Connection) -> Worker:
    """Start another worker, without the proxy, and wait until nothing is left."""
    other = await workers.serving()
    await drained(conn)
    return other


async def test_killed_when_its_claim_has_committed_and_before_it_knows(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger
) -> None:
    """P1, P6, M01, C38: its jobs are leased to nobody, and run when the lease lapses."""
    pg.push_many(QUICK, JOBS, on=conn)
    claim = proxy.trap(spoken("claim"), at="done")
    killed = workers.start(dsn=proxy.dsn)
    await soon(claim.sprung.wait())
    await killed.killed()
    assert (census(conn), one(conn, ATTEMPTS)) == ({"leased": 3}, [1])
    assert ledger.entries() == []
    await taken_over(workers, conn)
    assert [entry.attempt for entry in ledger.entries("start")] == [2, 2, 2]
    assert ledger.runs() == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("queue", [GATED, FENCED])
async def test_killed_in_its_handlers(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, queue: Queue[int]
) -> None:
    """P1, P6, M01, K05: each of them runs once more, and what the dead one wrote is undone."""
    pg.push_many(queue, JOBS, on=conn)
    killed = await workers.serving()
    await ledger.until("start", 3)
    await killed.killed()
    ledger.open()
    other = await workers.serving()
    await ledger.until("end", 3, pid=other.pid)
    await drained(conn)
    assert ledger.runs() == {1: 2, 2: 2, 3: 2}
    assert [entry.attempt for entry in ledger.entries("end")] == [2, 2, 2]
    effects = conn.execute("select job, attempt from effects order by 1").fetchall()
    assert effects == ([(1, 2), (2, 2), (3, 2)] if queue is FENCED else [])


async def test_killed_before_its_outcomes_are_sent(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger
) -> None:
    """P1, P3, M01: done and not told: each of them runs once more."""
    pg.push_many(QUICK, JOBS, on=conn)
    settle = proxy.trap(COMPLETED, at="sent")
    killed = workers.start(dsn=proxy.dsn)
    await soon(settle.sprung.wait())
    await killed.killed()
    settle.cut()
    await taken_over(workers, conn)
    assert set(ledger.runs()) == {1, 2, 3}
    assert max(ledger.runs().values()) == 2
    assert ledger.attempts() == {job: list(range(1, ledger.runs()[job] + 1)) for job in (1, 2, 3)}


async def test_an_outcome_that_arrives_when_another_worker_runs_the_job_is_refused(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger
) -> None:
    """P4, M04, K06: a statement of the killed worker, late on its way, does not end the attempt."""
    pg.push(GATED, 0, on=conn)
    ledger.open()
    settle = proxy.trap(COMPLETED, at="sent")
    killed = workers.start(dsn=proxy.dsn)
    await soon(settle.sprung.wait())
    ledger.shut()
    await killed.killed()
    other = await workers.serving()
    await ledger.until("start", pid=other.pid)
    executed = proxy.trap(COMPLETED, at="ready")
    settle.release()
    await soon(executed.sprung.wait())
    assert (census(conn), one(conn, ATTEMPTS)) == ({"leased": 1}, [2])
    ledger.open()
    await drained(conn)
    assert [(entry.attempt, entry.pid) for entry in ledger.entries("end")] == [
        (1, killed.pid),
        (2, other.pid),
    ]


async def test_killed_while_the_server_is_executing_its_outcome(
    pg: Postgres, dsn: str, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P1, P3, M01: the server finishes what it was told, and no second attempt overtakes it."""
    pg.push(GATED, 0, on=conn)
    killed = await workers.serving()
    await ledger.until("start")
    with psycopg.connect(dsn) as blocker:
        blocker.execute("select from pgqueue.jobs for update")
        ledger.open()
        await eventually(lambda: one(conn, WAITING), 1)
        await killed.killed()
        other = await workers.serving()
        await eventually(lambda: census(conn), {"ready": 1})
        assert ledger.runs() == {1: 1}
    await drained(conn)
    assert await other.stopped() == 0
    # Whoever gets the lock first: the dead one's outcome, or the other one's claim.
    assert ledger.runs()[1] <= 2


WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query like 'delete from%'"""


async def test_killed_when_its_outcomes_have_committed_and_before_it_knows(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger
) -> None:
    """P3, M01, M20: the jobs are done, and nobody runs them again."""
    pg.push(QUICK, 0, on=conn)
    settle = proxy.trap(COMPLETED, at="done")
    killed = workers.start(dsn=proxy.dsn)
    await soon(settle.sprung.wait())
    await killed.killed()
    assert census(conn) == {}
    other = await workers.serving()
    pg.push(QUICK, 1, on=conn)
    await ledger.until("end", pid=other.pid)
    assert ledger.runs() == {1: 1, 2: 1}


@pytest.mark.parametrize("signals", [1, 2])
async def test_killed_while_it_shuts_down(
    pg: Postgres, workers: Workers, proxy: Proxy, conn: Connection, ledger: Ledger, signals: int
) -> None:
    """P1, P6, M01, M16: while it drains, or with its releases on their way: each runs again."""
    pg.push_many(GATED, JOBS, on=conn)
    release = proxy.trap(spoken("release"), at="sent")
    killed = await workers.serving(dsn=proxy.dsn)
    await ledger.until("start", 3)
    killed.signal(signal.SIGTERM)
    await killed.prints("is stopping")
    if signals == 2:
        killed.signal(signal.SIGTERM)
        await soon(release.sprung.wait())
    await killed.killed()
    release.cut()
    ledger.open()
    await taken_over(workers, conn)
    assert ledger.runs() == {1: 2, 2: 2, 3: 2}
    assert [entry.attempt for entry in ledger.entries("end")] == [2, 2, 2]


async def test_a_killed_worker_is_a_failure_of_each_of_its_attempts(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """K05, M01, M09: counted once, and written down as a lost worker."""
    pg.push_many(GATED, JOBS, on=conn)
    killed = await workers.serving()
    await ledger.until("start", 3)
    await killed.killed()
    other = await workers.serving()
    await ledger.until("start", 3, pid=other.pid)
    assert (one(conn, ATTEMPTS), one(conn, LAPSED)) == ([2], True)
    assert other.running
