"""How much there is: live jobs by queue and state, dead letters by queue and reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pgqueue.outcome import Reason


@dataclass(frozen=True, slots=True)
class Depth:
    """The live jobs of a queue in one state: ready, leased or scheduled.

    `oldest` is when the first of them was pushed, by the database's clock.
    """

    queue: str
    state: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class DeadDepth:
    """The dead letters of a queue that died for one reason."""

    queue: str
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True)
class Stats:
    """What `pg.stats()` has counted."""

    live: tuple[Depth, ...]
    dead: tuple[DeadDepth, ...]

    @property
    def dead_count(self) -> int:
        """How many dead letters there are in all."""
        return sum(one.count for one in self.dead)
