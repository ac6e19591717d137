"""How far a worker has read each lane, and when it should read one from its start again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from time import monotonic

from pgqueue.seam import Delivery

PRIORITIES = 10


class Lanes:
    """One cursor a lane, kept in memory: what lies before it is left to the sweep."""

    def __init__(self) -> None:
        self._cursors = defaultdict[str, list[int]](lambda: [-1] * PRIORITIES)

    def cursors(self, queues: Iterable[str]) -> list[int]:
        """Return the cursors of the queues' lanes, one list of ten after the other."""
        return [cursor for queue in queues for cursor in self._cursors[queue]]

    def advance(self, deliveries: Sequence[Delivery]) -> None:
        """Move the cursors behind the jobs that were claimed."""
        for delivery in deliveries:
            lanes = self._cursors[delivery.queue]
            if lanes[delivery.priority] < delivery.position:
                lanes[delivery.priority] = delivery.position


# So short a sweep is worth its time whenever a worker finds nothing else.
_CHEAP = 0.005


class Sweep:
    """Decides when to claim without cursors, for stragglers and lapsed leases.

    It takes at most a twentieth of the worker's time: the next one waits 20 times as long as
    the last one took, 30 s at the most. On a clean table that is as good as always.
    """

    def __init__(self) -> None:
        self._cost = self._due = 0.0

    @property
    def cheap(self) -> bool:
        """Whether it need not be due: nothing in the table holds it up."""
        return self._cost < _CHEAP

    def within(self, seconds: float) -> float:
        """Return how long to sleep: until one is due that was not made when nothing was found."""
        return seconds if self.cheap else min(seconds, max(0.0, self._due - monotonic()))

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return monotonic() >= self._due

    def took(self, seconds: float) -> None:
        """Learn what the last sweep cost."""
        self._cost = seconds
        self._due = monotonic() + min(20 * seconds, 30.0)
