"""An application that only pushes runs nothing, and one that does both needs nothing else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import psycopg

from pgqueue import Postgres, Worker
from tests.worker.feature import LEDGER, SCHEMA, Entry, processors
from tests.worker.processes import ROOT, worker
from tests.worker.running import Connection, census, drained, eventually, one, running

OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
  and backend_type = 'client backend'"""


async def test_an_application_that_only_pushes_runs_no_processor(
    pg: Postgres, conn: Connection
) -> None:
    """A19: no claim, no LISTEN, no connection, thread or task of ours; its jobs stay pending."""
    before = threading.enumerate(), asyncio.all_tasks()
    for number in range(100):
        pg.push(LEDGER, Entry(str(number)), on=conn)
    assert (threading.enumerate(), asyncio.all_tasks()) == before
    assert one(conn, OTHERS) == 0
    assert one(conn, "select array(select pg_listening_channels())") == []
    assert census(conn) == {"ready": 100}
    assert one(conn, "select count(*) from pgqueue.jobs where attempt > 0 or worker <> ''") == 0


def test_importing_a_feature_with_its_processors_loads_no_worker() -> None:
    """A19: the module is inert; the worker's code is not even there."""
    code = (
        "import sys, threading, tests.worker.feature\n"
        "assert not [one for one in sys.modules if one.startswith('pgqueue.worker')]\n"
        "assert 'psycopg' not in sys.modules\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


async def test_producer_and_worker_share_a_process_as_well_as_two(
    pg: Postgres, dsn: str, conn: Connection
) -> None:
    """A23: the same processors, driver and queue, now and later, in one process and in another."""
    conn.execute(SCHEMA)
    async with running(Worker(pg, include=[processors])):
        await pg.push(LEDGER, Entry("here"))
        await pg.push(LEDGER, Entry("here, later"), delay="200ms")
        await drained(conn)
    await pg.push_many(LEDGER, [Entry("there"), Entry("there, too")])
    with worker(dsn) as started:
        await drained(conn)
        started.terminate()
        await asyncio.to_thread(started.wait, 30)
    texts = [row[0] for row in conn.execute("select text from ledger order by 1")]
    assert texts == ["here", "here, later", "there", "there, too"]
    assert one(conn, "select count(distinct pid) from ledger") == 2


async def test_a_push_that_is_rolled_back_is_never_run(
    pg: Postgres, conn: Connection, aconn: psycopg.AsyncConnection[object]
) -> None:
    """P2: the worker is awake and looking, and there is nothing."""
    conn.execute(SCHEMA)
    async with running(Worker(pg, include=[processors])):
        async with aconn.transaction(force_rollback=True):
            await pg.push(LEDGER, Entry("ghost"), on=aconn)
            await pg.push(LEDGER, Entry("real"))
            await eventually(lambda: one(conn, "select count(*) from ledger"), 1)
        await pg.push(LEDGER, Entry("second"))
        await eventually(lambda: one(conn, "select count(*) from ledger"), 2)
    assert one(conn, "select array_agg(text order by text) from ledger") == ["real", "second"]
