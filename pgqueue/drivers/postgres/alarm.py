"""When the next scheduled job is due, as far as this worker knows."""

from __future__ import annotations

from time import monotonic

# A busy worker hears no bell: it asks once a second whether something is due earlier.
_STALE = 1.0


class Alarm:
    """Remembers the next due time, so that nobody asks the database before it."""

    def __init__(self) -> None:
        self._due = 0.0
        self._asked = 0.0

    @property
    def rings(self) -> bool:
        """Whether it is time to promote."""
        now = monotonic()
        return now >= self._due or now >= self._asked + _STALE

    @property
    def pending(self) -> bool:
        """Whether any job waits for a time."""
        return self._due < float("inf")

    def set(self, next_in: float | None) -> None:
        """Learn from the database in how many seconds the next job is due, if any is."""
        self._asked = monotonic()
        self._due = self._asked + next_in if next_in is not None else float("inf")

    def at_most(self, seconds: float) -> None:
        """Learn of a job that is due in so many seconds."""
        self._due = min(self._due, monotonic() + seconds)

    def check(self) -> None:
        """Ask again at the next claim: something may have been scheduled meanwhile."""
        self._asked = 0.0

    def within(self, timeout: float) -> float:
        """Return how long to sleep: until the next job is due, `timeout` at most."""
        return max(0.0, min(timeout, self._due - monotonic()))
