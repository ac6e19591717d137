"""How long a failed job waits before its next attempt."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pgqueue import durations
from pgqueue.durations import LONGEST, Duration
from pgqueue.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Delays by failure: `first`, then times `factor` each time, never beyond `cap`.

    A `steps` list names the delays one by one, its last repeating. Jitter only adds, up to
    that share of the delay, so that a wait is never shorter than what was asked for.
    """

    first: timedelta = timedelta(seconds=1)
    factor: float = 1.0
    cap: timedelta = timedelta(days=1)
    jitter: float = 0.0
    steps: tuple[timedelta, ...] = ()

    def __post_init__(self) -> None:
        if not (_is_number(self.jitter) and 0 <= self.jitter <= 1):
            raise ConfigError(f"backoff: jitter is {self.jitter!r}; give a share from 0 to 1")
        if not (_is_number(self.factor) and self.factor >= 1):
            raise ConfigError(f"backoff: factor is {self.factor!r}; give a number, 1 or more")
        delays = {f"steps[{n}]": step for n, step in enumerate(self.steps)}
        for name, delay in ({"first": self.first, "cap": self.cap} | delays).items():
            if not isinstance(delay, timedelta) or not timedelta() <= delay <= LONGEST:
                raise ConfigError(
                    f"backoff: {name} is {delay!r}; give a timedelta from 0 to a hundred years"
                )

    def delay(self, failures: int, chance: float) -> timedelta:
        """Return the wait after the given number of failures (1, 2, …); `chance` is in [0, 1)."""
        return min(self._nominal(failures), self.cap) * (1 + self.jitter * chance)

    def _nominal(self, failures: int) -> timedelta:
        if self.steps:
            return self.steps[min(failures, len(self.steps)) - 1]
        try:
            return self.first * self.factor ** (failures - 1)
        except OverflowError:
            return self.cap if self.first else self.first

    def to_json(self) -> dict[str, Any]:
        """Return the form in which a push stores its backoff on the job's row, in seconds."""
        return {
            "first": self.first.total_seconds(),
            "factor": self.factor,
            "cap": self.cap.total_seconds(),
            "jitter": self.jitter,
            "steps": [step.total_seconds() for step in self.steps],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Backoff:
        """Read what `to_json` wrote, or a hand-written part of it; what is absent is default."""
        known = {"first", "factor", "cap", "jitter", "steps"}
        if unknown := sorted(set(stored) - known):
            raise ConfigError(f"backoff: unknown {', '.join(unknown)}; known: {sorted(known)}")
        fields: dict[str, Any] = {
            name: durations.parse(stored[name], field=f"backoff.{name}")
            for name in ("first", "cap")
            if name in stored
        }
        fields |= {name: stored[name] for name in ("factor", "jitter") if name in stored}
        steps = stored.get("steps", [])
        if not isinstance(steps, list):
            raise ConfigError("backoff: steps is no list; give a list of seconds")
        return cls(steps=_steps(steps, "backoff.steps"), **fields)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def fixed(delay: Duration, *, jitter: float = 0.0) -> Backoff:
    """Wait the same `delay` after every failure."""
    every = durations.parse(delay, field="fixed.delay")
    return Backoff(first=every, cap=max(every, timedelta(days=1)), jitter=jitter)


def exponential(
    first: Duration = 1, *, factor: float = 2.0, cap: Duration = "1h", jitter: float = 0.1
) -> Backoff:
    """Wait `first`, then `factor` times longer after each failure, up to `cap`."""
    return Backoff(
        first=durations.parse(first, field="exponential.first"),
        factor=factor,
        cap=durations.parse(cap, field="exponential.cap"),
        jitter=jitter,
    )


def listed(*delays: Duration, jitter: float = 0.0) -> Backoff:
    """Wait each of `delays` in turn; the last one repeats."""
    if not delays:
        raise ConfigError("listed: give at least one delay")
    steps = _steps(delays, "listed")
    return Backoff(steps=steps, cap=max(*steps, timedelta(days=1)), jitter=jitter)


Delays = Backoff | Callable[[int], timedelta]
"""A backoff, or the application's own function from the number of failures to a delay."""

DEFAULT_BACKOFF = exponential(first=1, cap="10m", jitter=0.1)

_CALL = re.compile(r"\s*(?P<kind>fixed|exponential|listed)\s*\((?P<arguments>[^()]*)\)\s*")


def parse_backoff(text: str) -> Backoff:
    """Read "fixed(30s)", "exponential(1s, cap=10m, jitter=0.1)" or "listed(1s, 5s, 30s)"."""
    match = _CALL.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"backoff: {text!r} is not a backoff; write fixed(30s), "
            "exponential(1s, factor=2, cap=10m, jitter=0.1) or listed(1s, 5s, 30s)"
        )
    delays: list[Duration] = []
    named: dict[str, Any] = {}
    for argument in filter(None, (part.strip() for part in match["arguments"].split(","))):
        name, equals, value = argument.rpartition("=")
        if equals:
            named[name.strip()] = value.strip()
        else:
            delays.append(value)
    return _call(match["kind"], delays, named, text)


def _call(kind: str, delays: list[Duration], named: dict[str, Any], text: str) -> Backoff:
    makers: dict[str, Callable[..., Backoff]]
    makers = {"fixed": fixed, "exponential": exponential, "listed": listed}
    numbers: dict[Literal["factor", "jitter"], float] = {}
    try:
        for name in ("factor", "jitter"):
            if name in named:
                numbers[name] = float(named.pop(name))
        return makers[kind](*delays, **numbers, **named)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"backoff: {text!r} cannot be read: {error}") from None


def _steps(delays: Iterable[Duration], field: str) -> tuple[timedelta, ...]:
    return tuple(durations.parse(delay, field=f"{field}[{n}]") for n, delay in enumerate(delays))
