"""`Job[T]`: what a handler may ask to see of its attempt."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from pgqueue.envelope import Carrier
from pgqueue.outcome import DeadLetter
from pgqueue.scope import Scope

T = TypeVar("T")


class Lent(Protocol):
    """What the worker lends to an attempt."""

    @property
    def stopping(self) -> threading.Event:
        """Set once the attempt should come to an end."""
        ...

    def transaction(self) -> Scope[Any]:
        """Open a transaction whose commit completes the job."""
        ...

    def connection(self) -> Scope[Any]:
        """Give a connection of the worker's."""
        ...


# Without slots: with them a frozen dataclass could not be made as Job[int](…).
@dataclass(frozen=True, kw_only=True)
class Job(Generic[T]):
    """One attempt at one job, with its payload decoded.

    `id` stays the same over retries, death and redrive; with `attempt` (1 … `max_attempts`)
    it is what an idempotent handler needs. `pushed_at` is by the database's clock. `carrier`
    is the trace context that was pushed with it. `topic` is set in a topic's subscriber. `dead` is
    set in a processor of dead letters: `queue` and the attempts are those of the letter then.
    """

    id: int
    queue: str
    name: str | None
    payload: T
    attempt: int
    max_attempts: int
    pushed_at: datetime
    carrier: Carrier
    lent: Lent = field(repr=False, compare=False)
    topic: str | None = None
    dead: DeadLetter | None = None

    def transaction(self) -> Scope[Any]:
        """Open a transaction that completes this job when it commits.

        Gives the driver's connection: an open `psycopg.AsyncConnection` with `async with`, a
        `psycopg.Connection` with `with` in a plain `def`. The handler's writes and the job's
        completion commit together or not at all; a worker that has lost the lease gets
        `LeaseLost`, and its writes are rolled back. Once per attempt.
        """
        return self.lent.transaction()

    def connection(self) -> Scope[Any]:
        """Borrow one of the worker's connections, in autocommit.

        In a `transactional=True` processor it is the attempt's own, inside its transaction.
        """
        return self.lent.connection()

    @property
    def stopping(self) -> threading.Event:
        """Tells whether the attempt should end: ask `is_set()`, or on a thread `wait(seconds)`.

        Set when the worker begins to stop, when `timeout` has passed, and when the lease is lost.
        A plain `def` cannot be cancelled; one that heeds this ends in time.
        """
        return self.lent.stopping


_current: ContextVar[Job[Any]] = ContextVar("pgqueue_job")


def current_job() -> Job[Any]:
    """Return the job that the caller runs for; LookupError outside of an attempt."""
    try:
        return _current.get()
    except LookupError:
        raise LookupError("current_job() is for handlers: no job runs in this context") from None


def enter_job(job: Job[Any]) -> None:
    """Make a job the current one of the attempt's context, which ends with it."""
    _current.set(job)
