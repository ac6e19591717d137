"""Turns NOTIFY into wake-ups. Losing it costs latency, never jobs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import psycopg

from pgqueue.drivers.postgres.statement import Statement, load, run

logger = logging.getLogger("pgqueue.postgres")

LISTEN = load("listen", tuple)
TAKE_BELLS = load("take_bells", lambda _: None)
LEAVE_BELLS = load("leave_bells", lambda _: None)

# A push that peeked before the bells were taken, and commits after, rings for nobody: look
# again at once, then after these pauses; what is still not there is a long transaction's.
_LOOKS = (0.05, 0.25)
# Staying awake for a moment turns thousands of wake-ups a second into a few.
_LINGER = 0.01


class Listener:
    """One connection of its own that hears the doorbell while its worker sleeps."""

    def __init__(self, connect: Callable[[], Any], queues: Sequence[str], schema: str) -> None:
        self._connect = connect
        self._queues = list(queues)
        self._schema = schema
        self._socket = -1
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._rung = asyncio.Event()
        self._asleep = False
        self._looks = 0

    @property
    def hears(self) -> bool:
        """Whether it is connected; without it the worker polls."""
        return self._conn is not None

    async def open(self) -> None:
        """Connect and subscribe; whoever opens again must look once, for what it missed."""
        conn: psycopg.AsyncConnection[Any] = await self._connect()
        try:
            await conn.execute(LISTEN.within(self._schema).text)
        except BaseException:
            await conn.close()
            raise
        conn.add_notify_handler(lambda note: self._heard(note.payload))
        self._conn, self._asleep = conn, False
        self._watch(conn)

    async def close(self) -> None:
        """Disconnect; its bells vanish with the connection."""
        conn, self._conn = self._conn, None
        if conn is not None:
            self._unwatch()
            with contextlib.suppress(psycopg.Error):
                await conn.close()

    async def wait(self, at_most: float) -> None:
        """Sleep until a bell rings or it is time to look again, `at_most` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause(at_most)):
                await self._rung.wait()
        if self._rung.is_set():
            self._rung.clear()
        elif self._asleep:
            self._looks += 1
        else:
            await self._command(TAKE_BELLS, {"queues": self._queues})
            self._asleep, self._looks = True, 0

    async def awake(self) -> None:
        """Let go of the bells: there is work, and pushes need not ring."""
        if self._asleep:
            self._asleep = False
            await self._command(LEAVE_BELLS, {})

    def _pause(self, at_most: float) -> float:
        if not self._asleep:
            return min(at_most, _LINGER)
        return min([at_most, *_LOOKS[self._looks : self._looks + 1]])

    async def _command(self, statement: Statement[Any], parameters: dict[str, Any]) -> None:
        async with self._quiet() as conn:
            if conn is not None:
                await run(conn, statement.within(self._schema), parameters)

    @contextlib.asynccontextmanager
    async def _quiet(self) -> AsyncIterator[psycopg.AsyncConnection[Any] | None]:
        """Keep our reader off the socket while psycopg puts its own there."""
        conn = self._conn
        if conn is None:
            yield None
            return
        self._unwatch()
        try:
            try:
                yield conn
            finally:  # also when cancelled: a slot may become free while the bells are taken
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
                self._heard(note.extra.decode())
        except psycopg.Error as error:
            self._unwatch()
            self._lose(conn, error)

    def _heard(self, queue: str) -> None:
        if queue in self._queues:
            self._rung.set()

    def _lose(self, conn: psycopg.AsyncConnection[Any], error: psycopg.Error) -> None:
        logger.warning("degraded: polling; the listening connection was lost: %s", error)
        conn.pgconn.finish()
        self._conn, self._asleep = None, False
        self._rung.set()
