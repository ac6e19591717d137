"""What is asked of `pgqueue.dead_jobs`, each question as a talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import monotonic
from typing import Any, Final, TypeVar

from pgqueue.deadfilter import Filter, checked_limit
from pgqueue.drivers.postgres.kept import kept_failures
from pgqueue.drivers.postgres.statement import Statement, load
from pgqueue.drivers.postgres.talk import Ask, Pause, Talk
from pgqueue.letters import DeadJob, DeadSummary, Report

Row = TypeVar("Row")


def _dead(*columns: Any) -> DeadJob:
    return DeadJob._make((*columns[:-1], kept_failures(columns[-1])))


COUNT = load("letters_count", int)
COUNT_FREE = load("letters_count_free", int)
DISCARD = load("letters_discard", lambda job, state: (job, state))
FLUSH = load("letters_flush", int)
GET = load("letters_get", _dead)
LIST = load("letters_list", DeadSummary)
NEWEST = load("letters_newest", int)
REDRIVE = load("letters_redrive", lambda job, state: (job, state))
REDRIVE_MANY = load("letters_redrive_many", int)

# Each batch is a transaction: it locks so many rows at once, and no more.
BATCH: Final = 1000
_FIRST: Final = -(2**63)
_LAST: Final = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many dead letters are taken in all, and how many a second; None: all at once."""

    limit: int | None = None
    rate: float | None = None
    started: float = field(default_factory=lambda: monotonic())

    def __post_init__(self) -> None:
        checked_limit(self.limit)
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise ValueError(f"rate: {self.rate} is not a rate; give dead letters a second")

    def room(self, done: int) -> int:
        """Return how many the next batch may have."""
        room = BATCH if self.rate is None else min(BATCH, ceil(self.rate / 10))
        return room if self.limit is None else min(room, self.limit - done)

    def ahead(self, done: int) -> float:
        """Return for how many seconds the rate has been used up."""
        return 0.0 if self.rate is None else self.started + done / self.rate - monotonic()


def counted(wanted: Filter) -> Talk[int]:
    """Count those that pass."""
    [number] = yield Ask(COUNT, wanted.parameters)
    return int(number)


def takeable(wanted: Filter, pace: Pace) -> Talk[int]:
    """Count those that would be taken."""
    [number] = yield Ask(COUNT_FREE, wanted.parameters)
    return int(number) if pace.limit is None else min(number, pace.limit)


def listed(wanted: Filter, after: int | None, limit: int) -> Talk[Sequence[DeadSummary]]:
    """List a page, the newest ids first."""
    page = {"after": _LAST if after is None else after, "limit": checked_limit(limit)}
    return _page(wanted.parameters | page)


def got(job: int) -> Talk[DeadJob | None]:
    """Get one in full."""
    found = yield Ask(GET, {"id": job})
    return found[0] if found else None


def _page(parameters: Mapping[str, Any]) -> Talk[Sequence[DeadSummary]]:
    return (yield Ask(LIST, parameters))


def reported(
    statement: Statement[tuple[int, str]], jobs: Sequence[int], **more: Any
) -> Talk[Report]:
    """Do something with these jobs, and sort them by what became of them."""
    rows = yield Ask(statement, {"ids": jobs, **more})
    became = dict(rows)
    sorted_out = {
        state: tuple(job for job in jobs if became[job] == state)
        for state in ("done", "unknown", "held")
    }
    return Report(**sorted_out)


def taken(statement: Statement[int], wanted: Filter, pace: Pace, **more: Any) -> Talk[int]:
    """Do something with those that pass, batch by batch, and count them.

    Each id is taken once, though a redriven job may be back before the end; so none goes round
    in a circle, and what is pushed meanwhile is left alone.
    """
    [until] = yield Ask(NEWEST, {})
    common: Mapping[str, Any] = {**wanted.parameters, **more, "until": until}
    done, after = 0, _FIRST
    while (room := pace.room(done)) > 0:
        ids = yield Ask(statement, {**common, "after": after, "limit": room})
        done += len(ids)
        if len(ids) < room:
            break
        after = max(ids)
        if (ahead := pace.ahead(done)) > 0:
            yield Pause(ahead)
    return done
