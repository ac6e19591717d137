"""Pools: what becomes of connections that a failure, the server or an event loop has spoilt."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg_pool import PoolClosed

from pgqueue import Config, Postgres
from pgqueue.drivers.postgres.pools import Pool, ThreadPool
from pgqueue.drivers.postgres.session import ended
from tests.drivers.store import Connection, count
from tests.worker.running import PATIENCE, eventually, one

PID = "select pg_backend_pid()"
TURN_READ_ONLY = "set default_transaction_read_only = on"
WRITE = "create table written (a int)"


@pytest.fixture
def config(direct_dsn: str) -> Config:
    """The settings of the test's database."""
    return Config.load(env=False, dsn=direct_dsn)


@pytest.fixture
async def pool(config: Config) -> AsyncIterator[Pool]:
    """A pool as handlers have it."""
    pool = Pool(config, "test", 2)
    yield pool
    await pool.close()


async def value(pool: Pool, query: str = PID) -> Any:
    async with pool.connection() as conn:
        [[found]] = await (await conn.execute(query.encode())).fetchall()
    return found


def value_in_thread(pool: ThreadPool, query: str = PID) -> Any:
    with pool.connection() as conn:
        [[found]] = conn.execute(query.encode()).fetchall()
    return found


async def test_a_server_that_became_read_only_costs_every_connection(pool: Pool) -> None:
    """M23: after a failover all of them lead to the demoted server."""
    async with pool.connection() as first, pool.connection() as second:
        pids = {first.info.backend_pid, second.info.backend_pid}
        await first.execute(TURN_READ_ONLY)
        await second.execute(TURN_READ_ONLY)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await value(pool, WRITE)
    async with pool.connection() as first, pool.connection() as second:
        assert {first.info.backend_pid, second.info.backend_pid}.isdisjoint(pids)
        await second.execute(WRITE.encode())


def test_threads_lose_every_connection_to_a_server_that_became_read_only(config: Config) -> None:
    """M23: theirs are a pool of their own."""
    pool = ThreadPool(config, "test", 1)
    with pool.connection() as conn:
        before = conn.info.backend_pid
        conn.execute(TURN_READ_ONLY)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), pool.connection() as conn:
        conn.execute(WRITE.encode())
    assert value_in_thread(pool) != before
    pool.close(1)


async def test_a_stale_plan_costs_its_connection_alone(config: Config, conn: Connection) -> None:
    """M34: the statement works on the next one."""
    pool = Pool(config, "test", 1)
    conn.execute("create table shape (a int)")
    async with pool.connection() as mine:
        await mine.execute("select * from shape", prepare=True)
        conn.execute("alter table shape add b int")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        async with pool.connection() as mine:
            await mine.execute("select * from shape", prepare=True)
    async with pool.connection() as mine:
        await mine.execute("select * from shape", prepare=True)
    await pool.close()


async def test_a_connection_that_was_ended_while_idle_is_not_lent(
    pool: Pool, config: Config, conn: Connection
) -> None:
    """M22, M29: a handler after a restart pays with no attempt for it."""
    threads = ThreadPool(config, "test", 2)
    for _ in range(3):
        pids = [await value(pool), await asyncio.to_thread(value_in_thread, threads)]
        for pid in pids:
            conn.execute("select pg_terminate_backend(%s)", [pid])
        query = "select count(*) from pg_stat_activity where pid = any (%s)"
        await eventually(partial(one, conn, query, pids), 0)
        assert await value(pool) not in pids
        assert await asyncio.to_thread(value_in_thread, threads) not in pids
    await asyncio.to_thread(threads.close, 1)


def test_the_last_words_of_the_server_end_a_connection_before_it_hangs_up(
    config: Config, conn: Connection
) -> None:
    """M22, M29: a server takes its time between the two."""
    for _ in range(10):
        with psycopg.connect(config.conninfo(), autocommit=True) as idle:
            conn.execute("select pg_terminate_backend(%s)", [idle.info.backend_pid])
            heard, _, _ = select.select([idle.pgconn.socket], [], [], PATIENCE)
            assert heard
            assert ended(idle)
            assert idle.closed, "a pool would lend it again"


def test_other_news_end_no_connection(config: Config, conn: Connection) -> None:
    with psycopg.connect(config.conninfo(), autocommit=True) as idle:
        idle.execute("listen news")
        conn.execute("notify news, 'old'")
        heard, _, _ = select.select([idle.pgconn.socket], [], [], PATIENCE)
        assert heard
        assert not ended(idle)
        note = idle.pgconn.notifies()
        assert note is not None
        assert note.extra == b"old"


async def test_a_closed_pool_lends_nothing(config: Config) -> None:
    pool = Pool(config, "test", 1)
    await pool.close()
    with pytest.raises(PoolClosed):
        await value(pool)


def test_each_event_loop_has_its_own_connections(dsn: str, conn: Connection) -> None:
    """M17: one driver for two runs of asyncio, as scripts and preloaded servers do it."""
    pg = Postgres(dsn)

    async def push() -> int:
        return int(await pg.push("audio", 1))

    assert [asyncio.run(push()) for _ in range(3)] == [1, 2, 3]
    assert count(conn, "jobs") == 3


async def test_our_own_statements_are_read_committed_whatever_the_role_prefers(
    config: Config, conn: Connection
) -> None:
    """M31: those of handlers have the application's default."""
    conn.execute(
        f'alter database "{conn.info.dbname}" '
        "set default_transaction_isolation = 'serializable'".encode()
    )
    query = "select current_setting('transaction_isolation')"
    ours, theirs = Pool(config, "ours", 1, patience=30), Pool(config, "theirs", 1)
    assert await value(ours, query) == "read committed"
    assert await value(theirs, query) == "serializable"
    async with theirs.connection() as mine, mine.transaction():
        found = await (await mine.execute(query)).fetchone()
    assert found == ("serializable",)
    await ours.close()
    await theirs.close()
