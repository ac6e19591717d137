"""When a service last got on: what the worker's health is read from."""

from __future__ import annotations

from time import monotonic
from typing import Literal

from pgqueue.worker import bulletin

# On a busy machine a shorter interval would look like trouble where there is none.
_LEAST_INTERVAL = 1.0


class Stamp:
    """Renewed by one service, in whatever thread it works; read by everybody else.

    A service renews it at least once an interval, but only after what it asked of the storage
    has been answered.
    """

    def __init__(self, service: str, interval: float) -> None:
        self.service = service
        self.interval = max(interval, _LEAST_INTERVAL)
        self.count = 0
        self.state: Literal["running", "ended", "defect"] = "running"
        self._renewed = monotonic()
        self._away_since: float | None = None

    def renew(self) -> None:
        """Say that the service got on."""
        now = monotonic()
        self.count += 1
        self._renewed = now
        if self._away_since is not None:
            bulletin.available(self.service, now - self._away_since)
            self._away_since = None

    def miss(self) -> None:
        """Say that the storage is away."""
        if self._away_since is None:
            self._away_since = monotonic()

    def end(self, *, defect: bool = False) -> None:
        """Say that the service runs no more: it was told to stop, or has failed."""
        self.state = "defect" if defect else "ended"

    @property
    def away(self) -> bool:
        """Whether the storage was away when the service last asked."""
        return self._away_since is not None

    @property
    def complaint(self) -> str | None:
        """What is wrong with the service, and since when; None: nothing."""
        if self.state == "ended":
            return None
        if self.state == "defect":
            return f"{self.service}: ended by a defect"
        if self._away_since is not None:
            return f"{self.service}: database unavailable for {_since(self._away_since)}"
        if monotonic() - self._renewed > 2 * self.interval:
            return f"{self.service}: no progress for {_since(self._renewed)}"
        return None


def _since(moment: float) -> str:
    return f"{monotonic() - moment:.0f} s"
