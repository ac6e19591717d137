"""The dead letters of a process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Unpack, overload

from pgqueue.deadfilter import (
    DeadFilter,
    Filter,
    checked_limit,
    ids,
    read_filter,
    read_target,
)
from pgqueue.drivers.memory.store import Store
from pgqueue.letters import DeadJob, DeadSummary, Report
from pgqueue.queue import Queue

Of = Queue[Any] | str | None


class Letters:
    """Looks at dead jobs, lets them run again, and forgets them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def count(self, queue: Of = None, **wanted: Unpack[DeadFilter]) -> int:
        """Count those that pass the filter."""
        return len(self._found(read_filter(queue, wanted)))

    async def list(
        self,
        queue: Of = None,
        *,
        after: int | None = None,
        limit: int = 100,
        **wanted: Unpack[DeadFilter],
    ) -> Sequence[DeadSummary]:
        """List those that pass, the newest ids first; `after` the last id of the page before."""
        found = reversed(self._found(read_filter(queue, wanted)))
        page = [one.summary for one in found if after is None or one.id < after]
        return page[: checked_limit(limit)]

    async def get(self, job: int) -> DeadJob | None:
        """Return one of them."""
        return next((dead for dead in self._store.dead if dead.id == job), None)

    @overload
    async def redrive(self, what: int | Collection[int]) -> Report: ...
    @overload
    async def redrive(
        self,
        what: Of = None,
        *,
        all: bool = False,
        limit: int | None = None,
        **wanted: Unpack[DeadFilter],
    ) -> int: ...
    async def redrive(
        self,
        what: Of | int | Collection[int] = None,
        *,
        all: bool = False,
        limit: int | None = None,
        **wanted: Any,
    ) -> Report | int:
        """Let them run again, by id or those that pass the filter, the oldest ids first."""
        if what is None or isinstance(what, Queue | str):
            found = read_target(what, wanted, all=all, call="redrive")
            return self._many(self._store.redrive, found, limit)
        return self._some(self._store.redrive, ids(what))

    async def discard(self, jobs: int | Collection[int]) -> Report:
        """Delete some by their ids."""
        return self._some(self._store.discard, ids(jobs))

    async def flush(
        self,
        queue: Of = None,
        *,
        all: bool = False,
        limit: int | None = None,
        **wanted: Unpack[DeadFilter],
    ) -> int:
        """Delete those that pass the filter."""
        return self._many(
            self._store.discard, read_target(queue, wanted, all=all, call="flush"), limit
        )

    def _found(self, wanted: Filter) -> Sequence[DeadJob]:
        now = datetime.now(UTC)
        return [dead for dead in self._store.dead if _passes(wanted, dead.summary, now)]

    def _many(self, act: Callable[[int], bool], wanted: Filter, limit: int | None) -> int:
        done, limit = 0, checked_limit(limit)
        for dead in self._found(wanted):
            if limit is not None and done >= limit:
                break
            done += act(dead.id)
        return done

    def _some(self, act: Callable[[int], bool], jobs: Sequence[int]) -> Report:
        there = {dead.id for dead in self._store.dead}
        done = tuple(job for job in jobs if act(job))
        return Report(
            done,
            unknown=tuple(job for job in jobs if job not in there),
            held=tuple(job for job in jobs if job in there and job not in done),
        )


def _passes(wanted: Filter, dead: DeadSummary, now: datetime) -> bool:
    """Whether a filter lets a dead letter pass; `pgqueue.dead_matches` says the same in SQL."""
    age = now - dead.died_at
    return (
        wanted.queue in (None, dead.queue)
        and wanted.name in (None, dead.name)
        and wanted.reason in (None, dead.reason)
        and (wanted.older_than is None or age >= wanted.older_than)
        and (wanted.newer_than is None or age < wanted.newer_than)
        and (wanted.error is None or wanted.error in (dead.error or ""))
        and wanted.unhandled in (None, dead.handled_at is None)
        and wanted.parked in (None, dead.parked_at is not None)
    )
