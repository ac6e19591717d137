"""One connection of a pool for one borrower, who comes back all the time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import Any, Final

import psycopg

from pgqueue.drivers.postgres.deadline import Deadline
from pgqueue.drivers.postgres.pools import Pool
from pgqueue.drivers.postgres.session import ended, read_committed

# A server process that is never replaced keeps what it has gathered in its caches.
_LIFETIME: Final = 3600.0


class Line:
    """Keeps the connection in hand, with its plans: a pool lends all of its own in turn."""

    def __init__(self, pool: Pool, *, patience: float) -> None:
        self._pool = pool
        self._patience = patience
        self._using = asyncio.Lock()
        self._loan = AsyncExitStack()
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._until = 0.0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend it to one at a time; after an error the pool decides what becomes of it."""
        async with self._using:
            conn = self._conn
            if conn is None or monotonic() > self._until or ended(conn):
                conn = await self._renewed()
            try:
                with Deadline(conn, self._patience):
                    async with read_committed(conn):
                        yield conn
            except BaseException:
                self._conn = None
                await self._loan.__aexit__(*sys.exc_info())
                raise

    async def close(self) -> None:
        """Give it back."""
        self._conn = None
        await self._loan.aclose()

    async def _renewed(self) -> psycopg.AsyncConnection[Any]:
        await self.close()
        self._conn = await self._loan.enter_async_context(self._pool.lent())
        self._until = monotonic() + _LIFETIME
        return self._conn
