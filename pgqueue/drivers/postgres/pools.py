"""Pools of connections, which outlive failovers, forks and event loops."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed

from pgqueue.config import Config
from pgqueue.drivers.postgres.connect import conninfo
from pgqueue.drivers.postgres.deadline import Deadline
from pgqueue.drivers.postgres.failures import Meaning, meaning
from pgqueue.drivers.postgres.session import (
    begin,
    begin_in_thread,
    begin_ours,
    ended,
    read_committed,
)

Async = AsyncConnectionPool[psycopg.AsyncConnection[Any]]
Blocking = ConnectionPool[psycopg.Connection[Any]]

# A child of ours neither uses its parent's connections nor closes them: both would be felt there.
_PARENTS: Final[list[object]] = []


class Pool:
    """Autocommit connections for one event loop at a time; a forked child gets its own.

    With `patience` they are for our own statements: these are READ COMMITTED, and one that
    takes longer than so many seconds fails.
    """

    def __init__(
        self, config: Config, application: str, size: int, *, patience: float | None = None
    ) -> None:
        self._config = config
        self._application = application
        self._size = size
        self._patience = patience
        self._pid = os.getpid()
        self._pools: dict[asyncio.AbstractEventLoop, Async] = {}
        self._closed = False

    async def open(self) -> None:
        """Get ready; connections are made when they are asked for."""
        await self._mine()

    async def close(self) -> None:
        """Close what this event loop has opened, and lend no more."""
        self._closed = True
        if self._pid == os.getpid():
            await self._drop(self._pools.get(asyncio.get_running_loop()))

    @contextlib.asynccontextmanager
    async def connection(
        self, within: float | None = None
    ) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend a connection; if what it is used for fails, it or all of them may be thrown away."""
        async with self.lent(within) as conn:
            if self._patience is None:
                async with conn:  # what a handler has begun there is committed, or undone
                    yield conn
            else:
                with Deadline(conn, self._patience):
                    async with read_committed(conn):
                        yield conn

    @contextlib.asynccontextmanager
    async def lent(
        self, within: float | None = None
    ) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend one for longer: who has it sees to the time and the isolation of each use."""
        pool = await self._mine()
        try:
            conn = await _living(pool, within)
            try:
                yield conn
            except psycopg.Error as error:
                if meaning(error) is Meaning.UNFIT:
                    await conn.close()
                raise
            finally:
                await pool.putconn(conn)
        except psycopg.Error as error:
            if meaning(error) is Meaning.READ_ONLY:
                await self._drop(pool)
            raise

    async def _mine(self) -> Async:
        if self._closed:
            raise PoolClosed(f"the pool {self._application} is closed")
        if self._pid != os.getpid():
            _PARENTS.append(self._pools)
            self._pid, self._pools = os.getpid(), {}
        loop = asyncio.get_running_loop()
        if loop not in self._pools:
            self._pools = {one: pool for one, pool in self._pools.items() if not one.is_closed()}
            self._pools[loop] = self._made()
        pool = self._pools[loop]
        if pool.closed:
            await pool.open()
        return pool

    async def _drop(self, pool: Async | None) -> None:
        self._pools = {loop: one for loop, one in self._pools.items() if one is not pool}
        if pool is not None:
            await pool.close()

    def _made(self) -> Async:
        patience = self._config.connect_timeout.total_seconds()
        return AsyncConnectionPool(
            conninfo(self._config, self._application),
            kwargs={"autocommit": True},
            min_size=0,
            max_size=self._size,
            timeout=patience,
            name=self._application,
            configure=begin if self._patience is None else begin_ours,
            # After that a request tries anew: the pool's own pauses would grow to minutes.
            reconnect_timeout=patience,
            open=False,
        )


class ThreadPool:
    """Autocommit connections for threads, made at the first need; a forked child gets its own."""

    def __init__(self, config: Config, application: str, size: int) -> None:
        self._config = config
        self._application = f"{application}:threads"
        self._size = size
        self._pid = os.getpid()
        self._pool = self._made()

    def close(self, timeout: float) -> None:
        """Close what is open; a connection that a stuck thread holds is left to it."""
        if self._pid == os.getpid():
            self._pool.close(timeout)

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection; if what it is used for fails, it or all of them may be thrown away."""
        pool = self._mine()
        try:
            with _living_in_thread(pool) as conn:
                try:
                    yield conn
                except psycopg.Error as error:
                    if meaning(error) is Meaning.UNFIT:
                        conn.close()
                    raise
        except psycopg.Error as error:
            if meaning(error) is Meaning.READ_ONLY:
                self._drop(pool)
            raise

    def _mine(self) -> Blocking:
        if self._pid != os.getpid():
            _PARENTS.append(self._pool)
            self._pid, self._pool = os.getpid(), self._made()
        self._pool.open()  # only now, for it starts threads; a second call does nothing
        return self._pool

    def _drop(self, pool: Blocking) -> None:
        if self._pool is pool:
            self._pool = self._made()
        pool.close()

    def _made(self) -> Blocking:
        patience = self._config.connect_timeout.total_seconds()
        return ConnectionPool(
            conninfo(self._config, self._application),
            kwargs={"autocommit": True},
            min_size=0,
            max_size=self._size,
            timeout=patience,
            name=self._application,
            configure=begin_in_thread,
            reconnect_timeout=patience,
            open=False,
        )


async def _living(pool: Async, within: float | None) -> psycopg.AsyncConnection[Any]:
    """Take one that the server has not ended while it was idle.

    The pool's own check pauses before it looks at the next one, and longer each time: a role's
    idle_session_timeout could end them as fast.
    """
    while True:
        conn = await pool.getconn(within)
        if not ended(conn):
            return conn
        await conn.close()
        await pool.putconn(conn)


@contextlib.contextmanager
def _living_in_thread(pool: Blocking) -> Iterator[psycopg.Connection[Any]]:
    """Do the same with a blocking connection."""
    while True:
        with pool.connection() as conn:
            if not ended(conn):
                yield conn
                return
            conn.close()
