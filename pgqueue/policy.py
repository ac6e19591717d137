"""How often, how long and how many at once: what a processor or a push decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pgqueue import durations
from pgqueue.backoff import Backoff, Delays
from pgqueue.durations import Duration
from pgqueue.errors import ConfigError

MAX_ATTEMPTS = 32767

Errors = type[BaseException] | Sequence[type[BaseException]]
"""One type of exceptions, or several."""

Keeping = Literal["keep", "none"]
"""What becomes of a job that has died: it is kept as a dead letter, or deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The policy in force for one attempt, every question answered.

    `retry_on` of None stands for every exception, `retry_until` of None for any time.
    """

    attempts: int
    backoff: Delays
    timeout: timedelta | None
    dead_letters: Keeping = "keep"
    retry_on: tuple[type[BaseException], ...] | None = None
    fail_on: tuple[type[BaseException], ...] = ()
    retry_until: timedelta | None = None

    @property
    def keeps(self) -> bool:
        """Whether a job that has died is kept as a dead letter."""
        return self.dead_letters == "keep"

    def wait(self, failures: int, chance: float) -> timedelta:
        """Return how long to wait after so many failures; `chance` in [0, 1) is the dice."""
        if isinstance(self.backoff, Backoff):
            return self.backoff.delay(failures, chance)
        return durations.parse(self.backoff(failures), field="the backoff function's answer")

    def over_since(self, age: float) -> bool:
        """Tell whether a job that was pushed so many seconds ago is not to be retried any more."""
        return self.retry_until is not None and age >= self.retry_until.total_seconds()

    def retries(self, error: BaseException) -> bool:
        """Tell whether an attempt that ended with this may be retried.

        A group is what its members are: one of `fail_on` is enough, and all have to be of
        `retry_on`, unless the group itself is.
        """
        members = list(_members(error))
        if any(isinstance(one, self.fail_on) for one in (error, *members)):
            return False
        if self.retry_on is None or isinstance(error, self.retry_on):
            return True
        return all(isinstance(one, self.retry_on) for one in members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What somebody said about their jobs; `None` leaves the answer to the next in line.

    The push's word counts before the processor's, the processor's before the configuration's. Who
    gives `retry_until` and no `attempts` means as many as there is time for.
    """

    attempts: int | None = None
    backoff: Delays | None = None
    timeout: timedelta | None = None
    dead_letters: Keeping | None = None
    retry_on: tuple[type[BaseException], ...] | None = None
    fail_on: tuple[type[BaseException], ...] | None = None
    retry_until: timedelta | None = None

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
        if self.retry_until is not None and self.retry_until <= timedelta():
            raise ConfigError(f"retry_until is {self.retry_until}; give more than 0")

    @classmethod
    def of(
        cls,
        *,
        attempts: int | None = None,
        retries: int | None = None,
        backoff: Delays | None = None,
        timeout: Duration | None = None,
        dead_letters: Keeping | None = None,
        retry_on: Errors | None = None,
        fail_on: Errors | None = None,
        retry_until: Duration | None = None,
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
            timeout=_duration(timeout, "timeout"),
            dead_letters=dead_letters,
            retry_on=_kinds(retry_on, "retry_on"),
            fail_on=_kinds(fail_on, "fail_on"),
            retry_until=_duration(retry_until, "retry_until"),
        )

    def over(self, limits: Limits) -> Limits:
        """Answer with this policy where it speaks, and with `limits` where it is silent."""
        unbounded = limits.attempts if self.retry_until is None else MAX_ATTEMPTS
        return Limits(
            attempts=unbounded if self.attempts is None else self.attempts,
            backoff=limits.backoff if self.backoff is None else self.backoff,
            timeout=limits.timeout if self.timeout is None else self.timeout,
            dead_letters=self.dead_letters or limits.dead_letters,
            retry_on=limits.retry_on if self.retry_on is None else self.retry_on,
            fail_on=limits.fail_on if self.fail_on is None else self.fail_on,
            retry_until=limits.retry_until if self.retry_until is None else self.retry_until,
        )


def _duration(value: Duration | None, field: str) -> timedelta | None:
    return None if value is None else durations.parse(value, field=field)


def _kinds(said: Any, field: str) -> tuple[type[BaseException], ...] | None:
    if said is None:
        return None
    kinds: tuple[Any, ...] = (said,)
    if isinstance(said, Iterable) and not isinstance(said, type):
        kinds = tuple(said)
    if not kinds or not all(isinstance(x, type) and issubclass(x, BaseException) for x in kinds):
        raise ConfigError(f"{field} is {said!r:.60}; give types of exceptions, one or more")
    return kinds


def _members(error: BaseException) -> Iterator[BaseException]:
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        else:
            yield one


def _whole(number: object, least: int, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
