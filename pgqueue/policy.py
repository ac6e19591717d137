"""How often, how long and how many at once: what a processor or a push decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pgqueue import durations
from pgqueue.backoff import Backoff, Delays
from pgqueue.durations import Duration
from pgqueue.errors import ConfigError

MAX_ATTEMPTS = 32767

Keeping = Literal["keep", "none"]
"""What becomes of a job that has died: it is kept as a dead letter, or deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The policy in force for one attempt, every question answered."""

    attempts: int
    backoff: Delays
    timeout: timedelta | None
    dead_letters: Keeping = "keep"

    @property
    def keeps(self) -> bool:
        """Whether a job that has died is kept as a dead letter."""
        return self.dead_letters == "keep"

    def wait(self, failures: int, chance: float) -> timedelta:
        """Return how long to wait after so many failures; `chance` in [0, 1) is the dice."""
        if isinstance(self.backoff, Backoff):
            return self.backoff.delay(failures, chance)
        return durations.parse(self.backoff(failures), field="the backoff function's answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What somebody said about their jobs; `None` leaves the answer to the next in line.

    The push's word counts before the processor's, the processor's before the configuration's.
    """

    attempts: int | None = None
    backoff: Delays | None = None
    timeout: timedelta | None = None
    dead_letters: Keeping | None = None

    def __post_init__(self) -> None:
        if self.dead_letters not in (None, "keep", "none"):
            raise ConfigError(f"dead_letters is {self.dead_letters!r:.40}; give keep or none")
        if self.attempts is not None and not _whole(self.attempts, 1, MAX_ATTEMPTS):
            raise ConfigError(
                f"attempts is {self.attempts!r:.40}; give a whole number, 1 to {MAX_ATTEMPTS} runs "
                "in all"
            )
        if not isinstance(self.backoff, Backoff | None) and not callable(self.backoff):
            raise ConfigError(
                f"backoff is {self.backoff!r:.60}; give fixed(), exponential(), listed() or a "
                "function from the number of failures to a timedelta"
            )
        if self.timeout is not None and self.timeout <= timedelta():
            raise ConfigError(f"timeout is {self.timeout}; give more than 0")

    @classmethod
    def of(
        cls,
        *,
        attempts: int | None = None,
        retries: int | None = None,
        backoff: Delays | None = None,
        timeout: Duration | None = None,
        dead_letters: Keeping | None = None,
    ) -> Policy:
        """Build a policy from what people write; `retries=3` means `attempts=4`."""
        if attempts is not None and retries is not None:
            raise ConfigError(
                f"attempts is {attempts} and retries is {retries}: give one of them; attempts are "
                "runs in all, retries those after the first"
            )
        if retries is not None:
            if not _whole(retries, 0, MAX_ATTEMPTS - 1):
                raise ConfigError(
                    f"retries is {retries!r:.40}; give a whole number, 0 to {MAX_ATTEMPTS - 1} "
                    "runs after the first"
                )
            attempts = retries + 1
        return cls(
            attempts=attempts,
            backoff=backoff,
            timeout=None if timeout is None else durations.parse(timeout, field="timeout"),
            dead_letters=dead_letters,
        )

    def over(self, limits: Limits) -> Limits:
        """Answer with this policy where it speaks, and with `limits` where it is silent."""
        return Limits(
            attempts=limits.attempts if self.attempts is None else self.attempts,
            backoff=limits.backoff if self.backoff is None else self.backoff,
            timeout=limits.timeout if self.timeout is None else self.timeout,
            dead_letters=self.dead_letters or limits.dead_letters,
        )


def _whole(number: object, least: int, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
