"""The dead letters of a process, and how their processors work on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from time import monotonic
from typing import Any, assert_never

from pgqueue.answer import Discard, Redrive
from pgqueue.outcome import Dead, DeadLetter, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Claim, DeadJob, Delivery, Lease

WORKER_LOST = Failure("worker lost: its lease lapsed before the attempt ended")


@dataclass(slots=True, eq=False)
class Grave:
    """A dead job, with all that it needs to live again, and what its processor did so far."""

    dead: DeadJob
    job: Any
    last: Delivery
    visible_at: float = 0.0
    token: int | None = None
    attempt: int = 0
    lost: bool = False
    unwanted_since: float | None = None
    snoozes: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether a processor is at work on it."""
        return self.token is not None and self.visible_at > monotonic()

    def lease(self, claim: Claim, address: str) -> Delivery:
        """Give it to a processor; a lapsed lease counts as a failed attempt."""
        now = monotonic()
        if self.token is not None:
            self.failures.append(WORKER_LOST)
            self.lost, self.snoozes = True, 0
        since = self.unwanted_since
        self.token, self.attempt = claim.token, self.attempt + 1
        self.visible_at = now + claim.lease.total_seconds()
        return self.last._replace(
            queue=address,
            token=claim.token,
            attempt=self.attempt,
            max_attempts=None,
            backoff=None,
            timeout=None,
            expired=False,
            lost=self.lost,
            unwanted=None if since is None else now - since,
            snoozes=self.snoozes,
            dead=DeadLetter(
                self.dead.queue,
                self.dead.reason,
                self.dead.attempt,
                tuple(self.dead.failures),
                self.dead.died_at,
                self.dead.redrives,
            ),
        )

    def free(self, failure: Failure | None = None, *, delay: float = 0.0) -> None:
        """Take it from its processor, with what went wrong."""
        if failure is not None:
            self.failures.append(failure)
        self.token, self.lost, self.unwanted_since, self.snoozes = None, False, None, 0
        self.visible_at = monotonic() + delay


class Graves:
    """Holds the dead letters; the store's lock is held by whoever calls."""

    def __init__(self) -> None:
        self._graves: dict[int, Grave] = {}
        self._open: dict[str, dict[int, Grave]] = {}

    def __iter__(self) -> Iterator[Grave]:
        return iter([self._graves[number] for number in sorted(self._graves)])

    def __len__(self) -> int:
        return len(self._graves)

    def add(self, grave: Grave) -> None:
        """Take a job that has died."""
        self._graves[grave.dead.id] = grave
        self._open.setdefault(grave.dead.queue, {})[grave.dead.id] = grave

    def pop(self, number: int) -> Grave | None:
        """Give one away, if it is there and no processor is at work on it."""
        grave = self._graves.get(number)
        return None if grave is None or grave.held else self._remove(grave)

    def claim(self, address: str, queue: str, room: int, claim: Claim) -> Sequence[Delivery]:
        """Lease what is due, the longest due first."""
        now = monotonic()
        due = [one for one in self._open.get(queue, {}).values() if one.visible_at <= now]
        due.sort(key=lambda one: one.visible_at)
        return [one.lease(claim, address) for one in due[:room]]

    def extend(self, lease: Lease, seconds: float) -> bool:
        """Prolong a lease from now, if it still holds."""
        grave = self._held(lease)
        if grave is not None:
            grave.visible_at = monotonic() + seconds
        return grave is not None

    def settle(self, lease: Lease, outcome: Outcome) -> tuple[Grave, Redrive | None] | None:
        """Write an outcome; None if the lease was lost. With a Redrive the grave is empty."""
        grave = self._held(lease)
        if grave is None:
            return None
        match outcome:
            case Done():
                self._close(grave)
                grave.dead = grave.dead._replace(handled_at=datetime.now(UTC))
            case Dead(failure=failure, counted=counted):
                grave.attempt -= not counted
                self._close(grave, failure)
                grave.dead = grave.dead._replace(parked_at=datetime.now(UTC))
            case Retry(delay=delay, failure=failure):
                grave.free(failure, delay=delay.total_seconds())
            case Release(delay=delay, note=note):
                self._released(grave, delay, note)
            case Discard():
                self._remove(grave)
            case Redrive():
                return self._remove(grave), outcome
            case other:
                assert_never(other)
        return grave, None

    def due_in(self) -> float:
        """Return in how many seconds one of them may be claimed that cannot be now."""
        now = monotonic()
        times = (one.visible_at for graves in self._open.values() for one in graves.values())
        return min((time - now for time in times if time > now), default=inf)

    @property
    def delayed(self) -> bool:
        """Whether one of them waits for a time."""
        now = monotonic()
        return any(
            one.token is None and one.visible_at > now
            for graves in self._open.values()
            for one in graves.values()
        )

    def _held(self, lease: Lease) -> Grave | None:
        grave = self._graves.get(lease.job)
        return grave if grave is not None and grave.token == lease.token else None

    def _close(self, grave: Grave, failure: Failure | None = None) -> None:
        grave.free(failure)
        self._open[grave.dead.queue].pop(grave.dead.id, None)

    def _released(self, grave: Grave, delay: timedelta | None, note: Failure | None) -> None:
        since = (grave.unwanted_since or monotonic()) if note else None
        snoozes = grave.snoozes if delay is None else 0 if note else grave.snoozes + 1
        grave.attempt -= 1
        grave.free(delay=0.0 if delay is None else delay.total_seconds())
        grave.unwanted_since, grave.snoozes = since, snoozes

    def _remove(self, grave: Grave) -> Grave:
        self._open[grave.dead.queue].pop(grave.dead.id, None)
        return self._graves.pop(grave.dead.id)
