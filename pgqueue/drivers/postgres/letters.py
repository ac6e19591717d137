"""The dead letters of PostgreSQL: looked at, redriven and discarded on any psycopg connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar, Unpack, overload

import psycopg

from pgqueue import durations
from pgqueue.deadfilter import DeadFilter, Filter, ids, read_filter, read_target
from pgqueue.drivers.postgres import dead
from pgqueue.drivers.postgres.talk import Talk, hold, hold_async
from pgqueue.durations import Duration
from pgqueue.letters import DeadJob, DeadSummary, Report
from pgqueue.queue import Queue, queue_name

R = TypeVar("R")

Blocking = psycopg.Connection[Any]
Async = psycopg.AsyncConnection[Any]
Of = Queue[Any] | str | None


class Letters:
    """Looks at dead jobs, lets them run again, and deletes them.

    A blocking connection as `on` gives the value, an async one an awaitable of it, in its
    transaction; without `on` the driver's own pool is used, and each statement is committed. A
    filter is `queue` and the words of `DeadFilter`.
    """

    def __init__(self, lend: Callable[..., Awaitable[Any]], schema: str) -> None:
        self._lend = lend
        self._schema = schema

    @overload
    def count(self, queue: Of = None, *, on: Blocking, **wanted: Unpack[DeadFilter]) -> int: ...
    @overload
    def count(
        self, queue: Of = None, *, on: Async | None = None, **wanted: Unpack[DeadFilter]
    ) -> Awaitable[int]: ...
    def count(
        self, queue: Of = None, *, on: Blocking | Async | None = None, **wanted: Unpack[DeadFilter]
    ) -> int | Awaitable[int]:
        """Count those that pass the filter."""
        return self._hold(on, dead.counted(read_filter(queue, wanted)))

    @overload
    def list(
        self,
        queue: Of = None,
        *,
        on: Blocking,
        after: int | None = None,
        limit: int = 100,
        **wanted: Unpack[DeadFilter],
    ) -> Sequence[DeadSummary]: ...
    @overload
    def list(
        self,
        queue: Of = None,
        *,
        on: Async | None = None,
        after: int | None = None,
        limit: int = 100,
        **wanted: Unpack[DeadFilter],
    ) -> Awaitable[Sequence[DeadSummary]]: ...
    def list(
        self,
        queue: Of = None,
        *,
        on: Blocking | Async | None = None,
        after: int | None = None,
        limit: int = 100,
        **wanted: Unpack[DeadFilter],
    ) -> Sequence[DeadSummary] | Awaitable[Sequence[DeadSummary]]:
        """List a page of those that pass the filter, the newest ids first.

        The next page comes `after` the last id of this one; what comes or goes meanwhile moves
        nothing from one page to another.
        """
        return self._hold(on, dead.listed(read_filter(queue, wanted), after, limit))

    @overload
    def get(self, job: int, *, on: Blocking) -> DeadJob | None: ...
    @overload
    def get(self, job: int, *, on: Async | None = None) -> Awaitable[DeadJob | None]: ...
    def get(
        self, job: int, *, on: Blocking | Async | None = None
    ) -> DeadJob | Awaitable[DeadJob | None] | None:
        """Return one of them with its envelope and its failures, or None."""
        return self._hold(on, dead.got(job))

    @overload
    def redrive(
        self,
        what: int | Collection[int],
        *,
        on: Blocking,
        delay: Duration | None = None,
        to_queue: Of = None,
    ) -> Report: ...
    @overload
    def redrive(
        self,
        what: int | Collection[int],
        *,
        on: Async | None = None,
        delay: Duration | None = None,
        to_queue: Of = None,
    ) -> Awaitable[Report]: ...
    @overload
    def redrive(
        self,
        what: Of = None,
        *,
        on: Blocking,
        all: bool = False,
        limit: int | None = None,
        rate: float | None = None,
        dry_run: bool = False,
        delay: Duration | None = None,
        to_queue: Of = None,
        queue: Of = None,
        **wanted: Unpack[DeadFilter],
    ) -> int: ...
    @overload
    def redrive(
        self,
        what: Of = None,
        *,
        on: Async | None = None,
        all: bool = False,
        limit: int | None = None,
        rate: float | None = None,
        dry_run: bool = False,
        delay: Duration | None = None,
        to_queue: Of = None,
        queue: Of = None,
        **wanted: Unpack[DeadFilter],
    ) -> Awaitable[int]: ...
    def redrive(
        self,
        what: Of | int | Collection[int] = None,
        *,
        on: Blocking | Async | None = None,
        delay: Duration | None = None,
        to_queue: Of = None,
        queue: Of = None,
        **more: Any,
    ) -> Any:
        """Let dead jobs run again: same id, envelope and options, a fresh budget of attempts.

        Their failures are kept, and they expire no more. They go to the queue where they died, or
        `to_queue`, at once or after `delay`. By id it gives a report. A queue or a filter gives
        how many there were, the oldest ids first: at most `limit`, at `rate` a second, in batches
        of at most 1000 a transaction, or all in that of `on`; `dry_run` only counts them. Those
        that a dead-letter processor holds are left out. ValueError for an empty filter without
        `all=True`.
        """
        target = {
            "delay": None if delay is None else durations.parse(delay, field="delay"),
            "to_queue": None if to_queue is None else _name(to_queue),
        }
        if isinstance(what, int) or not (what is None or isinstance(what, Queue | str)):
            _refuse(more | ({} if queue is None else {"queue": queue}), "redrive")
            return self._hold(on, dead.reported(dead.REDRIVE, ids(what), **target))
        if queue is not None and what is not None:
            raise TypeError("redrive: the queue is given twice")
        pace, dry_run = _pace(more), more.pop("dry_run", False)
        wanted = read_target(
            what if queue is None else queue, more, all=more.pop("all", False), call="redrive"
        )
        return self._many(on, dead.REDRIVE_MANY, wanted, pace, dry_run=dry_run, **target)

    @overload
    def discard(self, jobs: int | Collection[int], *, on: Blocking) -> Report: ...
    @overload
    def discard(
        self, jobs: int | Collection[int], *, on: Async | None = None
    ) -> Awaitable[Report]: ...
    def discard(
        self, jobs: int | Collection[int], *, on: Blocking | Async | None = None
    ) -> Report | Awaitable[Report]:
        """Delete some by their ids, for good."""
        return self._hold(on, dead.reported(dead.DISCARD, ids(jobs)))

    @overload
    def flush(
        self,
        queue: Of = None,
        *,
        on: Blocking,
        all: bool = False,
        limit: int | None = None,
        rate: float | None = None,
        dry_run: bool = False,
        **wanted: Unpack[DeadFilter],
    ) -> int: ...
    @overload
    def flush(
        self,
        queue: Of = None,
        *,
        on: Async | None = None,
        all: bool = False,
        limit: int | None = None,
        rate: float | None = None,
        dry_run: bool = False,
        **wanted: Unpack[DeadFilter],
    ) -> Awaitable[int]: ...
    def flush(
        self,
        queue: Of = None,
        *,
        on: Blocking | Async | None = None,
        all: bool = False,
        dry_run: bool = False,
        **wanted: Any,
    ) -> int | Awaitable[int]:
        """Delete those that pass the filter, for good, as `redrive` takes them; return how many."""
        pace = _pace(wanted)
        found = read_target(queue, wanted, all=all, call="flush")
        return self._many(on, dead.FLUSH, found, pace, dry_run=dry_run)

    def _many(
        self,
        on: Blocking | Async | None,
        statement: Any,
        wanted: Filter,
        pace: dead.Pace,
        *,
        dry_run: bool,
        **more: Any,
    ) -> int | Awaitable[int]:
        if dry_run:
            return self._hold(on, dead.takeable(wanted, pace))
        return self._hold(on, dead.taken(statement, wanted, pace, **more))

    def _hold(self, on: Blocking | Async | None, talk: Talk[R]) -> R | Awaitable[R]:
        if isinstance(on, psycopg.Connection):
            return hold(on, talk, self._schema)
        return hold_async(lambda work: self._lend(on, work), talk, self._schema)


def _pace(given: dict[str, Any]) -> dead.Pace:
    return dead.Pace(limit=given.pop("limit", None), rate=given.pop("rate", None))


def _name(queue: Queue[Any] | str) -> str:
    return queue.name if isinstance(queue, Queue) else queue_name(queue)


def _refuse(given: dict[str, Any], call: str) -> None:
    if given:
        raise TypeError(f"{call}: ids and {', '.join(given)} exclude each other")
