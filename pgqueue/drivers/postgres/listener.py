"""One connection that hears the doorbell."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import psycopg

from pgqueue.drivers.postgres.deadline import Deadline
from pgqueue.drivers.postgres.session import SESSION, pooled
from pgqueue.drivers.postgres.statement import Row, Statement, load, run

LISTEN = load("listen", tuple)
STAY = load("stay", tuple)
TAKE_BELLS = load("take_bells", bool)
LEAVE_BELLS = load("leave_bells", lambda _: None)

_PATIENCE = 5.0

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


class Pooled(Exception):
    """What answers is a pooler: it would subscribe a connection that is soon another's."""


class Listener:
    """Subscribes, takes and leaves bells, and tells what it hears.

    `heard` is called with each word, `lost` with the error that ended the connection.
    """

    def __init__(
        self,
        connect: Connect,
        schema: str,
        heard: Callable[[str], None],
        lost: Callable[[Exception], None],
        *,
        trusting: bool,
    ) -> None:
        self._connect = connect
        self._schema = schema
        self._heard = heard
        self._lost = lost
        self._trusting = trusting
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._socket = -1
        self._using = asyncio.Lock()

    async def open(self) -> None:
        """Connect and subscribe; raise Pooled if that would go to a pooler's connection.

        A line that was given for listening is trusted not to be one, or to keep a session.
        """
        conn = await self._connect()
        try:
            with Deadline(conn, _PATIENCE):
                [(pid, _)] = await run(conn, SESSION, {})
                if pooled(conn, pid) and not self._trusting:
                    raise Pooled
                await run(conn, STAY, {})
                await conn.execute(LISTEN.within(self._schema).text)
        except BaseException:
            await conn.close()
            raise
        conn.add_notify_handler(lambda note: self._heard(note.payload))
        self._conn = conn
        self._watch(conn)

    async def close(self) -> None:
        """Disconnect; its bells vanish with the connection."""
        async with self._using:
            conn, self._conn = self._conn, None
            if conn is not None:
                self._unwatch()
                await conn.close()

    async def take(self, queues: Sequence[str]) -> bool:
        """Take the bells of queues, so that a push rings; False if not all can be had now."""
        taken = await self._run(TAKE_BELLS, {"queues": list(queues)})
        if taken != [True]:
            await self.leave()
        return taken == [True]

    async def leave(self) -> None:
        """Let go of all bells."""
        await self._run(LEAVE_BELLS, {})

    async def _run(self, statement: Statement[Row], parameters: dict[str, Any]) -> list[Row]:
        async with self._quiet() as conn:
            if conn is not None:
                with Deadline(conn, _PATIENCE):
                    return await run(conn, statement.within(self._schema), parameters)
        return []

    @contextlib.asynccontextmanager
    async def _quiet(self) -> AsyncIterator[psycopg.AsyncConnection[Any] | None]:
        """Keep our reader off the socket while psycopg puts its own there."""
        async with self._using:
            conn = self._conn
            if conn is None:
                yield None
                return
            self._unwatch()
            try:
                yield conn
                self._watch(conn)
            except psycopg.Error as error:
                self._lose(conn, error)

    def _watch(self, conn: psycopg.AsyncConnection[Any]) -> None:
        self._socket = conn.fileno()
        asyncio.get_running_loop().add_reader(self._socket, self._readable, conn)

    def _unwatch(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)

    def _readable(self, conn: psycopg.AsyncConnection[Any]) -> None:
        try:
            conn.pgconn.consume_input()
            while (note := conn.pgconn.notifies()) is not None:
                self._heard(note.extra.decode(errors="replace"))
        except psycopg.Error as error:
            self._unwatch()
            self._lose(conn, error)

    def _lose(self, conn: psycopg.AsyncConnection[Any], error: psycopg.Error) -> None:
        conn.pgconn.finish()
        self._conn = None
        self._lost(error)
