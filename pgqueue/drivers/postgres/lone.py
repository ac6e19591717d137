"""One blocking connection for one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pgqueue.drivers.postgres.deadline import deadline_in_thread
from pgqueue.drivers.postgres.session import (
    begin_ours_in_thread,
    ended,
    read_committed_in_thread,
)


class Lone:
    """Connects at once, and again when the server has ended the idle connection."""

    def __init__(self, conninfo: str, patience: float) -> None:
        self._conninfo = conninfo
        self._patience = patience
        self._conn = self._connected()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend it for statements that take `patience` at most, as READ COMMITTED."""
        if ended(self._conn):
            self._conn.close()
            self._conn = self._connected()
        conn = self._conn
        with deadline_in_thread(conn, self._patience), read_committed_in_thread(conn):
            yield conn

    def close(self) -> None:
        """Disconnect."""
        self._conn.close()

    def _connected(self) -> psycopg.Connection[Any]:
        conn = psycopg.connect(self._conninfo, autocommit=True)
        begin_ours_in_thread(conn)
        return conn
