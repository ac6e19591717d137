"""What a job is lent: a transaction that completes it, and the worker's connections."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pgqueue.scope import Scope
from pgqueue.seam import JobSource
from pgqueue.worker.attempt import Attempt


class Loan:
    """Lends to one attempt, and notes when its transaction has completed the job."""

    def __init__(self, source: JobSource, attempt: Attempt) -> None:
        self._source = source
        self._attempt = attempt
        self._open: Any = None

    @property
    def stopping(self) -> threading.Event:
        """Set once the attempt should come to an end."""
        return self._attempt.stopping

    def transaction(self) -> Scope[Any]:
        """Open the attempt's transaction; there is one."""
        return Scope(self._blocking, self._awaited)

    def connection(self) -> Scope[Any]:
        """Give the connection of the attempt's open transaction, else one of the pool."""
        if self._open is None:
            return self._source.connection()
        opened = self._open
        return Scope(lambda: contextlib.nullcontext(opened), lambda: contextlib.nullcontext(opened))

    @contextlib.contextmanager
    def _blocking(self) -> Iterator[Any]:
        ended = False
        try:
            with self._begin() as conn:
                self._open = conn
                try:
                    yield conn
                    ended = self._attempt.ending = True
                finally:
                    self._open = None
            # A driver may have an exception that undoes the block and goes no further.
            self._attempt.completed |= ended
        finally:
            self._attempt.ending = False

    @contextlib.asynccontextmanager
    async def _awaited(self) -> AsyncIterator[Any]:
        ended = False
        try:
            async with self._begin() as conn:
                self._open = conn
                try:
                    yield conn
                    ended = self._attempt.ending = True
                finally:
                    self._open = None
            # A driver may have an exception that undoes the block and goes no further.
            self._attempt.completed |= ended
        finally:
            self._attempt.ending = False

    def _begin(self) -> Scope[Any]:
        job = self._attempt.delivery.id
        if self._attempt.completed:
            raise RuntimeError(f"job {job} was completed by its transaction before")
        if self._open is not None:
            raise RuntimeError(
                f"job {job} is in its transaction already; job.connection() gives its connection"
            )
        return self._source.transaction(self._attempt.lease)
