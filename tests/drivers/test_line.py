"""The connection that claims keep in hand, and when they get another one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from pgqueue import Config
from pgqueue.drivers.postgres import line as lines
from pgqueue.drivers.postgres.line import Line
from pgqueue.drivers.postgres.pools import Pool
from tests.drivers.store import Connection
from tests.drivers.test_pools import PID, TURN_READ_ONLY, WRITE, value
from tests.worker.running import eventually, one


@pytest.fixture
async def pool(direct_dsn: str) -> AsyncIterator[Pool]:
    """A pool as a worker's own statements have it."""
    pool = Pool(Config.load(env=False, dsn=direct_dsn), "test", 2, patience=30.0)
    yield pool
    await pool.close()


@pytest.fixture
async def line(pool: Pool) -> AsyncIterator[Line]:
    """A line of that pool."""
    line = Line(pool, patience=30)
    yield line
    await line.close()


async def asked(line: Line, query: str = PID) -> int:
    async with line.connection() as conn:
        cursor = await conn.execute(query.encode())
        [[found]] = await cursor.fetchall()
    return int(found)


async def test_it_is_the_same_each_time_and_nobody_elses(line: Line, pool: Pool) -> None:
    pid = await asked(line)
    assert [await asked(line) for _ in range(3)] == [pid] * 3
    assert pid not in [await value(pool) for _ in range(3)]


async def test_one_that_the_server_ended_while_it_was_idle_is_replaced(
    line: Line, conn: Connection
) -> None:
    """M22: no claim fails for it."""
    pid = await asked(line)
    conn.execute("select pg_terminate_backend(%s)", [pid])
    alive = "select count(*) from pg_stat_activity where pid = %s"
    await eventually(lambda: one(conn, alive, pid), 0)
    assert await asked(line) != pid


async def test_one_that_became_read_only_is_given_up_with_all_of_its_pool(
    line: Line, pool: Pool
) -> None:
    """M23: as any other connection of the pool."""
    pids = [await asked(line), await value(pool)]
    async with line.connection() as conn:
        await conn.execute(TURN_READ_ONLY)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await asked(line, WRITE)
    assert await asked(line) not in pids
    assert await value(pool) not in pids


async def test_one_that_failed_for_another_reason_goes_back_into_its_pool(
    line: Line, pool: Pool
) -> None:
    pid = await asked(line)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await asked(line, "select 1 / 0")
    assert pid in [await value(pool) for _ in range(2)]


async def test_an_old_one_is_exchanged(
    line: Line, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_LIFETIME", -1.0)
    pids = [await asked(line), await value(pool)]
    assert [await asked(line) for _ in range(2)] == pids[::-1]
