"""A migration that is cut short leaves nothing behind that keeps the next one from its work."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

import psycopg
import pytest
from pgqueue_migrations import current, head, upgrade

from tests.chaos.proxy import Proxy
from tests.cli.commands import PROGRAM
from tests.worker.running import eventually, one, soon

LOCKS = """
select count(*) from pg_locks
where locktype = 'advisory'
  and database = (select oid from pg_database where datname = current_database())"""
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_a_migration_that_is_killed_can_be_run_again(
    empty_dsn: str, number: signal.Signals
) -> None:
    """M38: killed between two statements, it holds no lock, and has changed nothing."""
    async with Proxy(empty_dsn) as proxy:
        trap = proxy.trap("create table pgqueue.dead_jobs", at="sent")
        environment = os.environ | {"PGQUEUE_DSN": proxy.dsn}
        with subprocess.Popen([PROGRAM, "migrate"], env=environment) as process:
            await soon(trap.sprung.wait())
            with psycopg.connect(empty_dsn, autocommit=True) as conn:
                assert one(conn, LOCKS) > 0
                process.send_signal(number)
                if number == signal.SIGINT:  # it asks the server to cancel, and waits for it
                    trap.release()
                assert await asyncio.to_thread(process.wait, 60) != 0
                trap.cut()
                await eventually(lambda: one(conn, OTHERS), 0)
                assert one(conn, LOCKS) == 0
                assert one(conn, "select to_regclass('pgqueue.jobs')") is None
    upgrade(empty_dsn)
    assert current(empty_dsn) == head()
    upgrade(empty_dsn)


async def test_a_migration_whose_connection_is_lost_can_be_run_again(empty_dsn: str) -> None:
    """M38: and the next one need not wait for the server to notice."""
    async with Proxy(empty_dsn) as proxy:
        proxy.trap("create table pgqueue.dead_jobs", at="done", act="cut")
        environment = os.environ | {"PGQUEUE_DSN": proxy.dsn}
        with subprocess.Popen([PROGRAM, "migrate"], env=environment) as process:
            assert await asyncio.to_thread(process.wait, 60) == 1
    upgrade(empty_dsn)
    assert current(empty_dsn) == head()
