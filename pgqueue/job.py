"""`Job[T]`: what a handler may ask to see of its attempt."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pgqueue.envelope import Carrier

T = TypeVar("T")


# Without slots: with them a frozen dataclass could not be made as Job[int](…).
@dataclass(frozen=True, kw_only=True)
class Job(Generic[T]):
    """One attempt at one job, with its payload decoded.

    `id` stays the same over retries, death and redrive; with `attempt` (1 … `max_attempts`)
    it is what an idempotent handler needs. `pushed_at` is by the database's clock.
    """

    id: int
    queue: str
    name: str | None
    payload: T
    attempt: int
    max_attempts: int
    pushed_at: datetime
    carrier: Carrier
    begin: Callable[[], AbstractAsyncContextManager[Any]] = field(repr=False, compare=False)

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """Open a transaction that completes this job when it commits.

        Gives the driver's connection (an open `psycopg.AsyncConnection`). The handler's
        writes and the job's completion commit together or not at all; a worker that has lost
        the lease gets `LeaseLost`, and its writes are rolled back. Once per attempt.
        """
        return self.begin()
