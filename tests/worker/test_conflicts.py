"""Transactions that clash: in a transactional processor they are tried again at no cost."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running, soon

CLASH = "do $$ begin raise exception 'clash' using errcode = %s; end $$"

ran: list[int] = []


@pytest.fixture(autouse=True)
def stock(conn: Connection) -> None:
    """Make a table of the application's own."""
    ran.clear()
    conn.execute("create table stock (item int primary key, sold int default 0)")
    conn.execute("insert into stock values (1), (2)")


def sold(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("select sold from stock order by item")]


def sell_elsewhere(conn: Connection) -> None:
    """Sell in another transaction, the first time only."""
    if len(ran) == 1:
        conn.execute("update stock set sold = sold + 10 where item = 1")


ISOLATED = "set transaction isolation level serializable"
SELL = "update stock set sold = sold + 1 where item = 1"


@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_a_serialization_failure_spends_no_attempt(
    pg: Postgres, processors: Processors, conn: Connection, colour: str
) -> None:
    """B35: the handler runs again in a new transaction of the same attempt, and sells once."""

    async def on_the_loop(job: Job[None]) -> None:
        ran.append(job.attempt)
        async with job.connection() as mine:
            await mine.execute(ISOLATED)
            await mine.execute("select * from stock")
            sell_elsewhere(conn)
            await mine.execute(SELL)

    def on_a_thread(job: Job[None]) -> None:
        ran.append(job.attempt)
        with job.connection() as mine:
            mine.execute(ISOLATED)
            mine.execute("select * from stock")
            sell_elsewhere(conn)
            mine.execute(SELL)

    handler: Any = on_a_thread if colour == "def" else on_the_loop
    processors.process("audio", transactional=True, retries=0)(handler)
    job = pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: (len(ran), sold(conn)[0]), (2, 11))
        await eventually(lambda: one(conn, "select id from pgqueue.jobs where id = %s", job), None)
    assert (ran, census(conn)) == ([1, 1], {})


async def test_a_lease_that_is_extended_meanwhile_is_such_a_failure_too(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B35: an isolated transaction cannot complete a row that changed since it began."""

    @processors.process("audio", transactional=True, retries=0)
    async def sell(job: Job[None]) -> None:
        ran.append(job.attempt)
        async with job.connection() as mine:
            await mine.execute(ISOLATED)
            await mine.execute(SELL)
            if len(ran) == 1:
                conn.execute("update pgqueue.jobs set visible_at = now() + interval '1 min'")

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert (ran, sold(conn), census(conn)) == ([1, 1], [1, 0], {})


async def test_a_deadlock_spends_no_attempt(
    pg: Postgres, processors: Processors, conn: Connection, aconn: psycopg.AsyncConnection[Any]
) -> None:
    """B35: the handler is its victim once, and sells both items when it runs again."""
    sell_one = "update stock set sold = sold + 1 where item = %s"
    locked, ended = asyncio.Event(), asyncio.Event()

    @processors.process("audio", transactional=True, retries=0)
    async def sell(job: Job[None]) -> None:
        ran.append(job.attempt)
        async with job.connection() as mine:
            await mine.execute("set local deadlock_timeout = '10ms'")
            if len(ran) > 1:  # else it could overtake the other one, and be the victim again
                await soon(ended.wait())
            await mine.execute(sell_one, [1])
            locked.set()
            if len(ran) == 1:
                await eventually(lambda: one(conn, WAITING), 1)
            await mine.execute(sell_one, [2])

    async with running(Worker(pg, include=[processors])):
        async with aconn.transaction():
            # On a loaded machine ours could be the victim otherwise.
            await aconn.execute("set local deadlock_timeout = '1min'")
            await aconn.execute(sell_one, [2])
            pg.push("audio", None, on=conn)
            await soon(locked.wait())
            await aconn.execute(sell_one, [1])
        ended.set()
        await drained(conn)
    assert (ran, sold(conn), census(conn)) == ([1, 1], [2, 2], {})


WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'"""


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_a_clash_without_end_counts_in_the_end(
    pg: Postgres, processors: Processors, conn: Connection, state: str
) -> None:
    """B35: an attempt tries three times, and then has failed like any other."""

    @processors.process("audio", transactional=True, retries=1)
    async def clash(job: Job[None]) -> None:
        ran.append(job.attempt)
        async with job.connection() as mine:
            await mine.execute(CLASH.replace("%s", f"'{state}'").encode())

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert ran == [1, 1, 1, 2, 2, 2]


async def test_another_error_is_not_tried_again_at_once(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B35: only two transactions that clash are nobody's fault."""

    @processors.process("audio", transactional=True, retries=1)
    async def clash(job: Job[None]) -> None:
        ran.append(job.attempt)
        async with job.connection() as mine:
            await mine.execute("insert into stock values (1)")

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert ran == [1, 2]


async def test_a_clash_is_known_by_its_cause(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B35: an error that is raised from it, as by an ORM or by a push, is tried again as well."""

    @processors.process("audio", transactional=True, retries=0)
    async def clash(job: Job[None]) -> None:
        ran.append(job.attempt)
        if len(ran) > 1:
            return
        async with job.connection() as mine:
            try:
                await mine.execute(CLASH.replace("%s", "'40001'").encode())
            except psycopg.Error as error:
                raise RuntimeError("in other words") from error

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert (ran, census(conn)) == ([1, 1], {})


async def test_in_a_transaction_of_its_own_a_clash_is_a_failure(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B35: what a handler did before `job.transaction()` cannot be undone, so it counts."""

    @processors.process("audio")
    async def clash(job: Job[None]) -> None:
        ran.append(job.attempt)
        async with job.transaction() as mine:
            if job.attempt == 1:
                await mine.execute(CLASH.replace("%s", "'40001'").encode())

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert ran == [1, 2]
