"""The dead letters whose processors one worker runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg

from pgqueue.drivers.postgres.alarm import Alarm
from pgqueue.drivers.postgres.kept import kept_failures
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.outcome import DeadLetter
from pgqueue.queue import dead_address, dead_source
from pgqueue.seam import Claim, Delivery


def _delivery(*columns: Any) -> Delivery:
    job, token, queue, name, priority, attempt, envelope, pushed_at = columns[:8]
    lost, unwanted, snoozes, *letter = columns[8:]
    return Delivery(
        id=job,
        token=token,
        queue=dead_address(queue),
        name=name,
        priority=priority,
        position=-1,
        attempt=attempt,
        max_attempts=None,
        backoff=None,
        timeout=None,
        envelope=envelope,
        pushed_at=pushed_at,
        expired=False,
        lost=lost,
        unwanted=unwanted,
        snoozes=snoozes,
        dead=_letter(queue, *letter),
    )


def _letter(
    queue: str, reason: Any, attempts: int, failures: str, died_at: datetime, redrives: int
) -> DeadLetter:
    return DeadLetter(queue, reason, attempts, kept_failures(failures), died_at, redrives)


CLAIM = load("dead_claim", _delivery)
DUE = load("dead_due", lambda next_in: next_in)


def parts(rooms: Mapping[str, int]) -> Iterator[tuple[bool, dict[str, int]]]:
    """Split what a worker has room for into stretches of queues and of dead letters, in order."""
    for dead, some in groupby(rooms.items(), lambda one: dead_source(one[0]) is not None):
        yield dead, dict(some)


def live(claim: Claim) -> Claim:
    """Return the part of a claim that asks for no dead letters."""
    rooms = {queue: room for queue, room in claim.rooms.items() if dead_source(queue) is None}
    return replace(claim, rooms=rooms)


class DeadClaims:
    """Leases dead letters, and knows when the next one waits no longer."""

    def __init__(self, queues: Sequence[str], schema: str) -> None:
        self._queues = [queue for one in queues if (queue := dead_source(one)) is not None]
        self._claiming, self._looking = CLAIM.within(schema), DUE.within(schema)
        self.alarm = Alarm()
        self.alarm.set(None)

    @property
    def served(self) -> bool:
        """Whether this worker has processors of dead letters."""
        return bool(self._queues)

    async def claim(self, conn: psycopg.AsyncConnection[Any], claim: Claim) -> list[Delivery]:
        """Lease those that are due, at the addresses for which there is room."""
        parameters = {
            "queues": [dead_source(address) for address in claim.rooms],
            "rooms": list(claim.rooms.values()),
            "limit": claim.limit,
            "token": claim.token,
            "lease": claim.lease,
            "worker": claim.worker,
        }
        return await run(conn, self._claiming, parameters)

    def before(self, claim: Claim) -> Claim:
        """Return what a claim asks for before the first address of dead letters."""
        if not self._queues:
            return claim
        _, rooms = next(parts(claim.rooms))
        return replace(claim, rooms=rooms)

    async def look(self, conn: psycopg.AsyncConnection[Any]) -> None:
        """Ask when the next one is due; a worker without dead letters asks nothing."""
        if self._queues:
            [next_in] = await run(conn, self._looking, {"queues": self._queues})
            self.alarm.set(next_in)
