"""What a job is lent: a transaction that completes it, and the worker's connections."""

from __future__ import annotations

import contextlib
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
        with self._begin() as conn:
            self._open = conn
            try:
                yield conn
            finally:
                self._open = None
        self._attempt.completed = True

    @contextlib.asynccontextmanager
    async def _awaited(self) -> AsyncIterator[Any]:
        async with self._begin() as conn:
            self._open = conn
            try:
                yield conn
            finally:
                self._open = None
        self._attempt.completed = True

    def _begin(self) -> Scope[Any]:
        if self._attempt.completed:
            job = self._attempt.delivery.id
            raise RuntimeError(f"job {job} was completed by its transaction before")
        return self._source.transaction(self._attempt.lease)
