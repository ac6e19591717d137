"""How long a statement of ours may take before its connection is given up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from pgqueue.config import Config

logger = logging.getLogger("pgqueue.postgres")

_LEAST, _MOST = 5.0, 30.0
# So long the server has to take a cancellation, and so long again to end the statement.
_CANCELLING: Final = 1.0
_MOMENT: Final = 0.05


def patience(config: Config) -> float:
    """Return the seconds for a worker's statement: a few must fit into a lease."""
    return min(max(config.lease.total_seconds() / 4, _LEAST), _MOST)


@contextlib.contextmanager
def deadline_in_thread(conn: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Do the same for a block on a blocking connection."""
    timer = threading.Timer(seconds, _hang_up, [conn, seconds])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Deadline:
    """Lets what its block does on a connection end with an error when it takes too long.

    Cancelling the task would not do: psycopg then waits for the server's answer, in some versions
    for ever, and a server that stands still gives none. Past the deadline the connection cannot
    be used any more.
    """

    def __init__(self, conn: psycopg.AsyncConnection[Any], seconds: float) -> None:
        self._conn = conn
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._begun = False

    def __enter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        if self._begun:
            # The cancellation may still arrive, and would hit somebody else's statement.
            self._conn.pgconn.finish()

    def _expire(self) -> None:
        """Cancel the statement, and hang up when that does not help either."""
        self._task = asyncio.create_task(self._end())

    async def _end(self) -> None:
        # The answer may be here already, if only the loop was blocked all the time.
        await asyncio.sleep(_MOMENT)
        self._begun = True
        # First asked kindly: a statement that waits for a lock would go on at the server.
        with contextlib.suppress(psycopg.Error, OSError):
            await self._conn.cancel_safe(timeout=_CANCELLING)
        await asyncio.sleep(_CANCELLING)
        _hang_up(self._conn, self._seconds)


def _hang_up(conn: psycopg.AsyncConnection[Any] | psycopg.Connection[Any], seconds: float) -> None:
    """Shut the socket, whoever waits for it: the next read or write on it fails."""
    with contextlib.suppress(psycopg.Error, OSError):
        with socket.socket(fileno=os.dup(conn.pgconn.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)
        logger.warning("no answer from the database within %.0f s: hanging up", seconds)
