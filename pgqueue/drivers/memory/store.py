"""The jobs of a process: a dict of them, and heaps that say which come next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from math import inf
from threading import Lock
from time import monotonic
from typing import assert_never

from pgqueue.answer import Discard, Redrive
from pgqueue.drivers.memory.bell import Bell
from pgqueue.drivers.memory.graves import WORKER_LOST, Grave, Graves
from pgqueue.options import Said
from pgqueue.outcome import Dead, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Claim, DeadJob, Delivery, Lease, Swept, dead_source

_EXPIRED = Failure("expired: expires_at passed before the attempt started")


@dataclass(slots=True)
class _Job:
    """A job as it will be delivered, and where it stands: ready, leased, or waiting for a time."""

    delivery: Delivery
    expires_at: float
    visible_at: float = 0.0
    ready: bool = False
    leased: bool = False
    unwanted_since: float | None = None
    pushed: float = field(default_factory=monotonic)
    snoozes: int = 0
    redrives: int = 0
    failures: list[Failure] = field(default_factory=list)


class Store:
    """Holds the jobs. Every method is one step: threads and event loops may share it.

    A heap may name a job that has moved on; such entries are passed over when they come up.
    """

    def __init__(self) -> None:
        self.bell = Bell()
        self._graves = Graves()
        self._lock = Lock()
        self._ids = count(1)
        self._jobs: dict[int, _Job] = {}
        self._ready: dict[str, list[tuple[int, int]]] = {}
        self._waiting: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def add(
        self, queue: str, said: Said, envelope: str, *, delay: float, expires_in: float | None
    ) -> int:
        """Take a job, which may run in `delay` seconds, and return its id."""
        number = next(self._ids)
        delivery = Delivery(
            id=number,
            token=0,
            queue=queue,
            name=said.name,
            priority=said.priority,
            position=number,
            attempt=0,
            max_attempts=said.max_attempts,
            backoff=said.backoff,
            timeout=None if said.timeout is None else said.timeout.total_seconds(),
            envelope=envelope,
            pushed_at=datetime.now(UTC),
            expired=False,
            lost=False,
        )
        with self._lock:
            job = _Job(delivery, inf if expires_in is None else monotonic() + expires_in)
            self._jobs[number] = job
            self._put(job, delay)
        return number

    def claim(self, claim: Claim) -> Sequence[Delivery]:
        """Lease due jobs: queues in the caller's order, in each by priority, then by age."""
        found: list[Delivery] = []
        with self._lock:
            now = monotonic()
            self._awaken(now)
            for queue, room in claim.rooms.items():
                room = min(room, claim.limit - len(found))
                if (source := dead_source(queue)) is not None:
                    found += self._graves.claim(queue, source, room, claim)
                else:
                    found += [self._lease(job, claim, now) for job in self._next(queue, room)]
        return found

    def settle(self, lease: Lease, outcome: Outcome) -> bool:
        """Write an outcome, if the lease still holds."""
        with self._lock:
            if lease.dead:
                return self._settled_grave(lease, outcome)
            job = self._held(lease)
            if job is None:
                return False
            self._settled(job, outcome)
        return True

    def extend(self, lease: Lease, seconds: float) -> bool:
        """Prolong a lease from now, if it still holds."""
        with self._lock:
            if lease.dead:
                return self._graves.extend(lease, seconds)
            job = self._held(lease)
            if job is not None:
                self._hide(job, seconds)
        return job is not None

    def expire(self, keeps: Callable[[str], bool]) -> Sequence[Swept]:
        """Bury the jobs whose time to start has passed, unless an attempt is at work on them."""
        with self._lock:
            now = monotonic()
            gone = [
                job
                for job in self._jobs.values()
                if job.expires_at <= now and not (job.leased and job.visible_at > now)
            ]
            for job in gone:
                self._bury(job, Dead("expired", _EXPIRED, kept=keeps(job.delivery.queue)))
        return [
            Swept(one.id, one.queue, one.name, one.attempt, keeps(one.queue))
            for one in (job.delivery for job in gone)
        ]

    @property
    def dead(self) -> Sequence[DeadJob]:
        """The dead jobs, in the order of their ids."""
        with self._lock:
            return [grave.dead for grave in self._graves]

    def discard(self, number: int) -> bool:
        """Forget a dead job, if there is one of that id."""
        with self._lock:
            return self._graves.pop(number) is not None

    def redrive(self, number: int) -> bool:
        """Put a dead job back, with a fresh budget and its failures."""
        with self._lock:
            found = self._graves.pop(number)
            if found is not None:
                self._revive(found, Redrive())
        return found is not None

    def due_in(self) -> float:
        """Return in how many seconds a job becomes due, or a lease lapses."""
        with self._lock:
            due = self._waiting[0][0] - monotonic() if self._waiting else inf
            return min(due, self._graves.due_in())

    @property
    def delayed(self) -> bool:
        """Whether jobs wait for a time."""
        with self._lock:
            waits = any(not job.ready and not job.leased for job in self._jobs.values())
            return waits or self._graves.delayed

    def _held(self, lease: Lease) -> _Job | None:
        job = self._jobs.get(lease.job)
        return job if job and job.leased and job.delivery.token == lease.token else None

    def _awaken(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            visible_at, number = heappop(self._waiting)
            job = self._jobs.get(number)
            if job is not None and job.visible_at == visible_at and not job.ready:
                self._show(job)

    def _next(self, queue: str, room: int) -> Iterator[_Job]:
        heap = self._ready.get(queue, [])
        while heap and room > 0:
            job = self._jobs.get(heappop(heap)[1])
            if job is not None and job.ready:
                room -= 1
                yield job

    def _lease(self, job: _Job, claim: Claim, now: float) -> Delivery:
        lapsed, since = job.leased, job.unwanted_since
        if lapsed:
            job.failures.append(WORKER_LOST)
        job.delivery = job.delivery._replace(
            token=claim.token,
            attempt=job.delivery.attempt + 1,
            expired=job.expires_at <= now,
            lost=lapsed or job.delivery.lost,
            unwanted=None if since is None else now - since,
            age=now - job.pushed,
            snoozes=job.snoozes,
        )
        job.leased = True
        self._hide(job, claim.lease.total_seconds())
        return job.delivery

    def _settled(self, job: _Job, outcome: Outcome) -> None:
        delivery = job.delivery
        match outcome:
            case Done():
                del self._jobs[delivery.id]
            case Retry(delay=delay, failure=failure):
                self._failed(job, failure)
                self._put(job, delay.total_seconds())
            case Release(delay=delay, note=note):
                job.delivery = delivery._replace(attempt=delivery.attempt - 1)
                job.unwanted_since = (job.unwanted_since or monotonic()) if note else None
                if delay is not None:
                    job.snoozes = 0 if note else job.snoozes + 1
                self._put(job, 0.0 if delay is None else delay.total_seconds())
            case Dead(counted=counted):
                job.delivery = delivery._replace(attempt=delivery.attempt - (not counted))
                self._bury(job, outcome)
            case Redrive() | Discard():
                raise TypeError(f"{type(outcome).__name__} is no outcome of a job that is alive")
            case other:
                assert_never(other)

    def _bury(self, job: _Job, outcome: Dead) -> None:
        self._failed(job, outcome.failure)
        one = job.delivery
        del self._jobs[one.id]
        if outcome.kept:
            dead = DeadJob(
                id=one.id,
                queue=one.queue,
                name=one.name,
                reason=outcome.reason,
                attempt=one.attempt,
                max_attempts=one.max_attempts,
                redrives=job.redrives,
                pushed_at=one.pushed_at,
                died_at=datetime.now(UTC),
                handled_at=None,
                parked_at=None,
                envelope=one.envelope,
                failures=tuple(job.failures),
            )
            self._graves.add(Grave(dead, job, one))
            self.bell.ring()

    def _settled_grave(self, lease: Lease, outcome: Outcome) -> bool:
        found = self._graves.settle(lease, outcome)
        if found is not None:
            grave, redrive = found
            if redrive is not None:
                self._revive(grave, redrive)
            self.bell.ring()
        return found is not None

    def _revive(self, grave: Grave, redrive: Redrive) -> None:
        """Put a dead job back, with a fresh budget and its failures."""
        job: _Job = grave.job
        queue = redrive.queue or job.delivery.queue
        job.delivery = job.delivery._replace(queue=queue, attempt=0, expired=False, lost=False)
        job.expires_at, job.unwanted_since = inf, None
        job.redrives += 1
        self._jobs[job.delivery.id] = job
        self._put(job, redrive.delay.total_seconds() if redrive.delay else 0.0)

    def _failed(self, job: _Job, failure: Failure | None) -> None:
        if failure is not None:
            job.failures.append(failure)
        job.unwanted_since, job.snoozes = None, 0
        job.delivery = job.delivery._replace(lost=False)

    def _put(self, job: _Job, delay: float) -> None:
        job.leased = False
        if delay > 0:
            self._hide(job, delay)
        else:
            self._show(job)
        self.bell.ring()

    def _hide(self, job: _Job, seconds: float) -> None:
        job.ready = False
        job.visible_at = monotonic() + seconds
        heappush(self._waiting, (job.visible_at, job.delivery.id))

    def _show(self, job: _Job) -> None:
        job.ready = True
        heap = self._ready.setdefault(job.delivery.queue, [])
        heappush(heap, (job.delivery.priority, job.delivery.id))
