"""The proxy does to a connection what the tests of failures believe that it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres
from tests.chaos.proxy import Proxy
from tests.chaos.traps import Act, Point
from tests.chaos.wire import ClientSide, ServerSide, spoken
from tests.worker.running import Connection, eventually, one, soon

INSERT = "insert into written values (%s)"
COUNT = "select count(*) from written"
LONG = ["x" * 500] * 200


@pytest.fixture
async def proxy(dsn: str, conn: Connection) -> AsyncIterator[Proxy]:
    """A proxy before a database with a table."""
    conn.execute("create table written (number int)")
    async with Proxy(dsn) as proxy:
        yield proxy


async def connect(proxy: Proxy) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(proxy.dsn, autocommit=True)


@pytest.mark.parametrize("prepare", [False, True])
@pytest.mark.parametrize(("at", "written"), [("sent", 0), ("done", 1), ("ready", 1)])
async def test_a_held_statement_has_or_has_not_reached_the_server(
    proxy: Proxy, conn: Connection, at: Point, written: int, prepare: bool
) -> None:
    async with await connect(proxy) as held:
        await held.execute("select %s", [1], prepare=prepare)
        trap = proxy.trap("insert into written", at=at)
        insert = asyncio.create_task(held.execute(INSERT, [1], prepare=prepare))
        await soon(trap.sprung.wait())
        assert one(conn, COUNT) == written
        assert not insert.done()
        trap.release()
        await soon(insert)
        assert one(conn, COUNT) == 1


@pytest.mark.parametrize("at", ["sent", "done"])
async def test_a_cut_statement_is_an_error_and_the_server_has_or_has_not_executed_it(
    proxy: Proxy, conn: Connection, at: Point
) -> None:
    async with await connect(proxy) as lost:
        proxy.trap("insert into written", at=at, act="cut", skip=1)
        await lost.execute(INSERT, [1])
        with pytest.raises(psycopg.OperationalError):
            await lost.execute(INSERT, [2])
    assert one(conn, COUNT) == (1 if at == "sent" else 2)
    await eventually(lambda: proxy.connections, 0)


@pytest.mark.parametrize("act", ["leave server", "leave client"])
async def test_one_side_may_not_learn_of_the_cut(proxy: Proxy, conn: Connection, act: Act) -> None:
    sessions = "select count(*) from pg_stat_activity where application_name = 'halved'"
    halved = await psycopg.AsyncConnection.connect(proxy.dsn, application_name="halved")
    assert one(conn, sessions) == 1
    assert proxy.cut_all(act) == 1
    statement = asyncio.create_task(halved.execute("select 1"))
    if act == "leave server":
        with pytest.raises(psycopg.OperationalError):
            await soon(statement)
        assert one(conn, sessions) == 1
    else:
        await eventually(lambda: one(conn, sessions), 0)
        assert not statement.done()
    statement.cancel()
    await asyncio.gather(statement, return_exceptions=True)
    halved.pgconn.finish()


async def test_a_connection_may_be_cut_within_a_message_and_new_ones_refused(proxy: Proxy) -> None:
    async with await connect(proxy) as lost:
        proxy.faults.left, proxy.refuses_after_cut = 5000, True
        with pytest.raises(psycopg.OperationalError):
            await lost.execute("select unnest(%s::text[])", [LONG])
    with pytest.raises(psycopg.OperationalError):
        await connect(proxy)
    proxy.refusing = False
    async with await connect(proxy) as another:
        await another.execute("select 1")


async def test_a_silent_connection_is_never_heard_again_and_a_new_one_is(proxy: Proxy) -> None:
    silent = await connect(proxy)
    proxy.faults.silent = True
    statement = asyncio.create_task(silent.execute("select 1"))
    await asyncio.wait([statement], timeout=0.2)
    proxy.faults.silent = False
    async with await connect(proxy) as another:
        await another.execute("select 1")
    assert not statement.done()
    statement.cancel()
    await asyncio.gather(statement, return_exceptions=True)
    silent.pgconn.finish()


async def test_the_drivers_statements_are_recognized(proxy: Proxy, conn: Connection) -> None:
    async with Postgres(proxy.dsn) as pg:
        pushed = proxy.trap(spoken("push_brief"), at="done")
        push = asyncio.ensure_future(pg.push("audio", 1))
        await soon(pushed.sprung.wait())
        assert one(conn, "select count(*) from pgqueue.jobs") == 1
        pushed.release()
        assert await soon(push) == 1


def test_messages_are_read_however_they_arrive() -> None:
    startup = b"\0\0\0\x08\0\3\0\0"
    query = b"Q\0\0\0\x0dselect 1\0"
    client, server = ClientSide(), ServerSide()
    turns = [turn for byte in startup + query for turn in client.feed(bytes([byte]))]
    assert [(turn.data, turn.text, turn.answered) for turn in turns] == [
        (startup, "", True),
        (query, "select 1", True),
    ]
    said = b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\5I"
    messages = [message for byte in said for message in server.feed(bytes([byte]))]
    assert [message.kind for message in messages] == [b"C", b"Z"]
    assert b"".join(message.data for message in messages) == said
