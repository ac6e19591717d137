"""When a worker stops by itself."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from datetime import timedelta

from pgqueue.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """What ends a worker; whichever comes first. What runs by then is let finish.

    `empty`: nothing is claimable and nothing runs; with `delayed`, nothing waits for a time
    either. `jobs`: so many were claimed. `time`: it has run so long. `memory`: the process has
    used so many bytes.
    """

    empty: bool = False
    delayed: bool = False
    jobs: int | None = None
    time: timedelta | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        for name in ("jobs", "memory"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"a worker until {name} is {value}; give 1 or more")
        if self.time is not None and self.time <= timedelta():
            raise ConfigError(f"a worker until time is {self.time}; give more than 0")

    def left(self, claimed: int) -> int | None:
        """Return how many jobs may still be claimed; None: any number."""
        return None if self.jobs is None else max(0, self.jobs - claimed)

    @property
    def full(self) -> bool:
        """Whether the process has used its memory."""
        return self.memory is not None and _used() >= self.memory


def _used() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
