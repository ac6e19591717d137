"""Dead letters as tools see them: a line of a list, a letter in full, a report."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, overload

from pgqueue.durations import Duration
from pgqueue.outcome import Failure, Reason
from pgqueue.queue import Queue


class DeadSummary(NamedTuple):
    """One line of a list of dead letters; the payload is not part of it.

    `error` is that of the last failure, 1000 characters of it. `redrives`: how often it ran again
    before. Times are by the driver's clock.
    """

    id: int
    queue: str
    name: str | None
    reason: Reason
    attempt: int
    redrives: int
    pushed_at: datetime
    died_at: datetime
    handled_at: datetime | None
    parked_at: datetime | None
    error: str | None


class DeadJob(NamedTuple):
    """A job that will not run by itself, in full; `envelope` is JSON text.

    `failures` has the oldest first, the last 20.
    """

    id: int
    queue: str
    name: str | None
    reason: Reason
    attempt: int
    max_attempts: int | None
    redrives: int
    pushed_at: datetime
    died_at: datetime
    handled_at: datetime | None
    parked_at: datetime | None
    envelope: str
    failures: Sequence[Failure]

    @property
    def summary(self) -> DeadSummary:
        """The same as one line of a list."""
        return DeadSummary(
            *(self.id, self.queue, self.name, self.reason, self.attempt, self.redrives),
            *(self.pushed_at, self.died_at, self.handled_at, self.parked_at),
            self.failures[-1].error[:1000] if self.failures else None,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the dead letters that were named by their ids; true if all were done.

    `unknown`: there is no such dead letter. `held`: its dead-letter processor, or another
    command, is at work on it at this moment.
    """

    done: tuple[int, ...]
    unknown: tuple[int, ...] = ()
    held: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return not (self.unknown or self.held)


class DeadLetters(Protocol):
    """What a driver offers of its dead jobs, as its `dead`.

    The words of a filter are those of `DeadFilter`, spelt out: type checkers refuse a driver that
    takes more words than an unpacked one.
    """

    def count(
        self,
        queue: Queue[Any] | str | None = None,
        *,
        name: str = ...,
        reason: Reason = ...,
        older_than: Duration = ...,
        newer_than: Duration = ...,
        error: str = ...,
        unhandled: bool = ...,
        parked: bool = ...,
    ) -> Awaitable[int]:
        """Count those that pass the filter."""
        ...

    def list(
        self,
        queue: Queue[Any] | str | None = None,
        *,
        after: int | None = None,
        limit: int = 100,
        name: str = ...,
        reason: Reason = ...,
        older_than: Duration = ...,
        newer_than: Duration = ...,
        error: str = ...,
        unhandled: bool = ...,
        parked: bool = ...,
    ) -> Awaitable[Sequence[DeadSummary]]:
        """List those that pass, the newest ids first; `after` the last id of the page before."""
        ...

    def get(self, job: int) -> Awaitable[DeadJob | None]:
        """Return one of them."""
        ...

    @overload
    def redrive(self, what: int | Collection[int]) -> Awaitable[Report]: ...
    @overload
    def redrive(
        self,
        what: Queue[Any] | str | None = None,
        *,
        all: bool = False,
        limit: int | None = None,
        name: str = ...,
        reason: Reason = ...,
        older_than: Duration = ...,
        newer_than: Duration = ...,
        error: str = ...,
        unhandled: bool = ...,
        parked: bool = ...,
    ) -> Awaitable[int]: ...
    def redrive(self, what: Any = None, **_: Any) -> Awaitable[Any]:
        """Let them run again: same id, envelope and options, a fresh budget.

        By id, which gives a report; or those that pass the filter, the oldest ids first, which
        gives how many. ValueError for an empty filter without `all`.
        """
        ...

    def discard(self, jobs: int | Collection[int]) -> Awaitable[Report]:
        """Delete some by their ids."""
        ...

    def flush(
        self,
        queue: Queue[Any] | str | None = None,
        *,
        all: bool = False,
        limit: int | None = None,
        name: str = ...,
        reason: Reason = ...,
        older_than: Duration = ...,
        newer_than: Duration = ...,
        error: str = ...,
        unhandled: bool = ...,
        parked: bool = ...,
    ) -> Awaitable[int]:
        """Delete those that pass the filter; return how many. ValueError for an empty one."""
        ...
