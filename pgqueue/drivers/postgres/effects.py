"""What handlers do in the job's own database: transactions that complete it, and connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from time import monotonic
from typing import Any

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres.failures import lost_connection
from pgqueue.drivers.postgres.pools import Pool, ThreadPool
from pgqueue.drivers.postgres.settle import COMPLETE, DEAD_HANDLED, leased
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.errors import LeaseLost, Undecided
from pgqueue.scope import Scope
from pgqueue.seam import Lease

HOLD = load("hold", int)
DEAD_HOLD = load("dead_hold", int)

_PAUSE = 0.2


class Effects:
    """Connections of handlers: async ones for `async def`, blocking ones for `def`."""

    def __init__(self, config: Config, application: str) -> None:
        self._config = config
        complete, hold = {False: COMPLETE, True: DEAD_HANDLED}, {False: HOLD, True: DEAD_HOLD}
        self._complete = {dead: one.within(config.schema) for dead, one in complete.items()}
        self._hold = {dead: one.within(config.schema) for dead, one in hold.items()}
        self._async = Pool(config, application, config.pool_size)
        self._blocking = ThreadPool(config, application, config.pool_size)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Get ready; connections are made when a handler asks for one."""
        self._loop = asyncio.get_running_loop()
        await self._async.open()

    async def close(self) -> None:
        """Close what is open; a connection that a stuck thread holds is left to it."""
        await self._async.close()
        await asyncio.to_thread(self._blocking.close, timeout=1)

    def connection(self) -> Scope[Any]:
        """Give an autocommit connection of the pool."""
        return Scope(self._blocking.connection, self._async.connection)

    def transaction(self, lease: Lease) -> Scope[Any]:
        """Open a transaction whose commit completes the job, and which a lost lease undoes."""
        return Scope(lambda: self._in_thread(lease), lambda: self._on_loop(lease))

    # Whether a commit happened is asked after the broken connection is back in its pool: when the
    # server restarts, every connection may be such a one.

    @contextlib.asynccontextmanager
    async def _on_loop(self, lease: Lease) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        committing = False
        try:
            async with self._async.connection() as conn, conn.transaction():
                yield conn
                _check(lease, await run(conn, self._complete[lease.dead], leased([lease])))
                committing = True
        except psycopg.Error as error:
            if not committing or not lost_connection(error) or await self._holds(lease):
                raise

    @contextlib.contextmanager
    def _in_thread(self, lease: Lease) -> Iterator[psycopg.Connection[Any]]:
        committing = False
        try:
            with self._blocking.connection() as conn, conn.transaction():
                yield conn
                _check(lease, run(conn, self._complete[lease.dead], leased([lease])))
                committing = True
        except psycopg.Error as error:
            if not committing or not lost_connection(error) or self._holds_in_thread(lease):
                raise

    def _holds_in_thread(self, lease: Lease) -> bool:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self._holds(lease), self._loop).result()

    async def _holds(self, lease: Lease) -> bool:
        """Ask whether a commit whose reply was lost has not happened.

        While the lease lasts nobody else can have removed the job: if it is gone, we did.
        """
        deadline = monotonic() + self._config.lease.total_seconds() / 2
        while (left := deadline - monotonic()) > 0:
            try:
                async with self._async.connection(within=left) as conn:
                    asked = {"id": lease.job, "token": lease.token}
                    found = await run(conn, self._hold[lease.dead], asked)
                return bool(found)
            except (psycopg.Error, TimeoutError):
                await asyncio.sleep(_PAUSE)
        raise Undecided(
            f"job {lease.job}: the connection was lost while its transaction was committed, and "
            "the database cannot be asked; if it was not committed, the job will run again"
        )


def _check(lease: Lease, completed: list[int]) -> None:
    if not completed:
        raise LeaseLost(
            f"job {lease.job}: its lease was lost before the transaction ended; nothing was written"
        )
