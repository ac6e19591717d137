"""Outcomes on their way to the storage: kept until they are written, whoever writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import NamedTuple

from pgqueue.outcome import Done, Outcome
from pgqueue.seam import Settlement
from pgqueue.worker.attempt import Attempt

BATCH = 500


class Pending(NamedTuple):
    """An outcome to write, and whom to tell whether the lease still held."""

    attempt: Attempt
    outcome: Outcome
    written: Callable[[Attempt, bool], None]

    @property
    def settlement(self) -> Settlement:
        """What the storage is told."""
        return Settlement(self.attempt.lease, self.outcome)


class Outbox:
    """Holds what is to be written until it is.

    Who claims takes completions along; `awaited` is what wakes it while it waits for them. The
    rest is the settler's, and so is what was tried in vain.
    """

    def __init__(self) -> None:
        self._completions: dict[int, Pending] = {}
        self._others: list[Pending] = []
        self.filled = asyncio.Event()
        self.awaited: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._completions) + len(self._others)

    def put(self, one: Pending) -> None:
        """Take an outcome over."""
        delivery = one.attempt.delivery
        # A statement can name a job only once; a second attempt at the same one waits its turn.
        if type(one.outcome) is Done and not delivery.dead and delivery.id not in self._completions:
            self._completions[delivery.id] = one
            if self.awaited is not None:
                self.awaited()
                return
        else:
            self._others.append(one)
        self.filled.set()

    def completions(self) -> list[Pending]:
        """Give out completed jobs, to be told or given back."""
        jobs = list(islice(self._completions, BATCH))
        return [self._completions.pop(job) for job in jobs]

    def batch(self) -> list[Pending]:
        """Give out what is first in line, of any kind, to be told or given back."""
        line = [*self._others, *self._completions.values()]
        taken = {one.attempt.delivery.id: one for one in line[BATCH - 1 :: -1]}
        self._others = [one for one in line if taken.get(one.attempt.delivery.id) is not one]
        self._completions = {}
        return list(taken.values())

    def give_back(self, some: Iterable[Pending]) -> None:
        """Leave to the settler what was given out, and may not have been written."""
        self._others[:0] = some
        self.filled.set()

    def leave(self) -> None:
        """Leave everything to the settler: nobody claims any more."""
        self.awaited = None
        self.filled.set()


def tell(some: Iterable[Pending], held: Collection[int]) -> None:
    """Say of each whether its lease held, by the jobs of which it did."""
    for one in some:
        one.written(one.attempt, one.attempt.delivery.id in held)
