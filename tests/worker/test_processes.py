"""Producers and workers in processes of their own: they share the database, and nothing else."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest
from pgqueue_migrations import upgrade

from pgqueue import Postgres, Worker
from pgqueue.devserver import DevServer
from pgqueue.worker.process import run
from pgqueue.worker.until import Until
from tests.worker.conftest import QUICK
from tests.worker.feature import ENDLESS, FATAL, LEDGER, SCHEMA, Entry, processors
from tests.worker.processes import process, worker
from tests.worker.running import SLEEPING, Connection, census, drained, eventually, one, running

DONE = "select count(*) from ledger"
IN_TRANSACTION = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name like 'pgqueue:job:%'
  and xact_start is not null"""


@pytest.fixture
def ledger(conn: Connection) -> Connection:
    """A connection to a database with the application's table."""
    conn.execute(SCHEMA)
    return conn


async def exited(started: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(started.wait, 30)


async def test_a_producer_may_be_gone_before_any_worker_starts(
    dsn: str, ledger: Connection
) -> None:
    """A02: pushed by a process that has exited, run by one that starts later."""
    with process(dsn, "producer", "first", "second") as producer:
        assert await exited(producer) == 0
    assert census(ledger) == {"ready": 2}
    with worker(dsn) as started:
        await eventually(lambda: one(ledger, DONE), 2)
        started.terminate()
        assert await exited(started) == 0
    found = ledger.execute("select attempt, text, pid <> %s from ledger order by 2", [producer.pid])
    assert found.fetchall() == [(1, "first", True), (1, "second", True)]


@pytest.mark.usefixtures("listening")
async def test_four_worker_processes_run_each_of_a_thousand_jobs_once(
    pg: Postgres, dsn: str, ledger: Connection
) -> None:
    """A03: every handler ran exactly once, and the work was shared."""
    with ExitStack() as stack:
        started = [stack.enter_context(worker(dsn)) for _ in range(4)]
        await eventually(lambda: one(ledger, SLEEPING), 4)
        pg.push_many(LEDGER, (Entry(str(n)) for n in range(1000)), on=ledger)
        await eventually(lambda: one(ledger, DONE), 1000)
        await drained(ledger)
        for each in started:
            each.terminate()
        assert [await exited(each) for each in started] == [0] * 4
    query = "select count(distinct job), count(distinct text), max(attempt), count(*) from ledger"
    assert one(ledger, query) == (1000, 1000, 1, 1000)
    assert one(ledger, "select count(distinct pid) > 1 from ledger")


async def test_a_handler_that_kills_its_worker_is_dead_after_its_attempts(
    pg: Postgres, dsn: str, ledger: Connection
) -> None:
    """A26: each killed worker counts as an attempt; the next worker buries the job and lives."""
    pg.push(FATAL, Entry("poison"), on=ledger)
    for _ in range(2):
        with worker(dsn, 1) as started:
            assert await exited(started) == -signal.SIGKILL
    pg.push(LEDGER, Entry("next"), on=ledger)
    with worker(dsn, 1) as started:
        await eventually(lambda: census(ledger), {"dead": 1})
        assert one(ledger, "select text from ledger") == "next"
        assert started.poll() is None
    reason, attempt, failures = one(
        ledger, "select reason, attempt, failures from pgqueue.dead_jobs"
    )
    assert (reason, attempt) == ("lost", 2)
    assert [(each["attempt"], each["lost"]) for each in failures] == [(1, True), (2, True)]
    assert all(each["error"].startswith("worker lost") for each in failures)


async def test_a_sibling_takes_over_what_a_killed_worker_held(
    pg: Postgres, dsn: str, ledger: Connection
) -> None:
    """C38, K05: kill -9 in the middle of a job: visible after its lease, run as attempt 2."""
    job = pg.push(LEDGER, Entry("survivor"), on=ledger)
    ledger.execute("begin; lock table ledger in exclusive mode")
    with worker(dsn) as killed:
        await eventually(lambda: one(ledger, "select attempt from pgqueue.jobs"), 1)
        killed.kill()
        await exited(killed)
    ledger.execute("commit")
    async with running(Worker(pg, include=[processors])):
        await drained(ledger)
    assert one(ledger, "select job, attempt from ledger") == (job, 2)


async def test_a_worker_that_was_stopped_past_its_lease_settles_nothing(
    pg: Postgres, dsn: str, ledger: Connection
) -> None:
    """K06: frozen with SIGSTOP while another runs its job; thawed, it changes nothing."""
    job = pg.push(LEDGER, Entry("once"), on=ledger)
    ledger.execute("begin; lock table ledger in exclusive mode")
    with worker(dsn) as frozen:
        await eventually(lambda: one(ledger, "select attempt from pgqueue.jobs"), 1)
        frozen.send_signal(signal.SIGSTOP)
        ledger.execute("commit")
        with worker(dsn) as other:
            await eventually(lambda: one(ledger, "select array_agg(pid) from ledger"), [other.pid])
            await drained(ledger)
            other.terminate()
            assert await exited(other) == 0
        frozen.send_signal(signal.SIGCONT)
        pg.push(ENDLESS, Entry("still alive"), on=ledger)
        await eventually(lambda: census(ledger), {"leased": 1})
        await eventually(lambda: one(ledger, IN_TRANSACTION), 0)
        assert frozen.poll() is None
    assert ledger.execute("select job, attempt from ledger").fetchall() == [(job, 2)]


@pytest.fixture
def durable() -> Iterator[DevServer]:
    """A server of the test's own, which forgets nothing when it crashes."""
    with DevServer.throwaway(durable=True) as server:
        upgrade(server.dsn)
        yield server


async def test_a_committed_push_survives_the_end_of_everything(durable: DevServer) -> None:
    """A01: worker killed -9 in the middle of it, server crashed: a later worker runs the job."""
    pg = Postgres(durable.dsn, **QUICK)
    with closing(connect(durable)) as conn, closing(connect(durable)) as blocker:
        conn.execute(SCHEMA)
        job = pg.push(LEDGER, Entry("survivor"), on=conn)
        blocker.execute("begin; lock table ledger in exclusive mode")
        with worker(durable.dsn) as killed:
            await eventually(lambda: one(conn, "select attempt from pgqueue.jobs"), 1)
            killed.kill()
            await exited(killed)
        durable.crash()
    durable.start()
    with closing(connect(durable)) as conn:
        assert one(conn, "select count(*) from pgqueue.jobs") == 1
        async with running(Worker(pg, include=[processors])):
            await drained(conn)
        assert one(conn, "select job, attempt, text from ledger") == (job, 2, "survivor")


def connect(server: DevServer) -> Connection:
    return psycopg.connect(server.dsn, autocommit=True)


def test_the_collector_of_a_workers_process_leaves_the_program_alone() -> None:
    """M18: what is loaded stays, and what jobs leave behind is looked for among them only."""
    frozen: list[int] = []

    class Looking:
        async def run(self, until: Until | None = None) -> None:
            frozen.append(gc.get_freeze_count())

        def stop(self) -> None: ...

    try:
        assert run(Looking()) == 0
    finally:
        gc.unfreeze()
    assert frozen[0] > 10_000
