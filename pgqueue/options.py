"""What a push may say about its job, whatever the driver, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypedDict

from pgqueue import durations
from pgqueue.backoff import Backoff
from pgqueue.durations import Duration
from pgqueue.errors import ConfigError, UnsupportedOption
from pgqueue.policy import Policy
from pgqueue.queue import checked_name, queue_name
from pgqueue.tracecontext import Carrier

_PRIORITY: Final = 5
_UNSAID: Final = Policy()
_POLICIES: Final = frozenset({"attempts", "backoff", "timeout"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PushOptions(TypedDict, total=False):
    """What a push may say about its job; where it is silent, the processor decides.

    `delay` (a timedelta, seconds, or "5m") or `run_at` (an aware datetime): not before then.
    `priority`: 0 is claimed first, 9 last, 5 by default. `attempts`: runs in all. `expires_in`:
    not started by then, it is dead. `carrier`: trace context, by default that of the caller's
    span; {} for none.
    """

    name: str | None
    delay: Duration | None
    run_at: datetime | None
    priority: int
    attempts: int | None
    backoff: Backoff | None
    timeout: Duration | None
    expires_in: Duration | None
    carrier: Carrier | None


class Said(NamedTuple):
    """The options of one push, checked.

    `delay` is None for a job that may run at once; with `run_at` it does not count. `backoff` is
    JSON text.
    """

    name: str | None = None
    priority: int = _PRIORITY
    max_attempts: int | None = None
    backoff: str | None = None
    timeout: timedelta | None = None
    expires_in: timedelta | None = None
    delay: timedelta | None = None
    run_at: datetime | None = None


NOTHING: Final = Said()


def read_options(
    queue: str, options: Mapping[str, Any], *, driver: str, known: Collection[str]
) -> Said:
    """Check a queue's name and the options of a push; what is wrong is named.

    One that is not among those that the driver knows is UnsupportedOption.
    """
    queue_name(queue)
    if unknown := [one for one in options if one not in known]:
        raise UnsupportedOption(
            f"push to {queue}: {driver} has no option {', '.join(sorted(unknown))}; "
            f"it has {', '.join(sorted(known)) or 'none'}"
        )
    carrier = options.get("carrier")
    if carrier is not None and not isinstance(carrier, Mapping):
        raise ConfigError(
            f"push to {queue}: carrier is of type {type(carrier).__name__}; give a mapping, or {{}}"
        )
    backoff = options.get("backoff")
    if backoff is not None and not isinstance(backoff, Backoff):
        raise ConfigError(
            f"push to {queue}: a function cannot be stored with the job; give fixed(), "
            "exponential() or listed(), or set it on the processor"
        )
    policy = _UNSAID
    if not _POLICIES.isdisjoint(options):
        policy = Policy.of(
            attempts=options.get("attempts"), backoff=backoff, timeout=options.get("timeout")
        )
    name = options.get("name")
    delay, run_at = _time(queue, options.get("delay"), options.get("run_at"))
    return Said(
        name=None if name is None else checked_name(name, "job"),
        priority=_priority(queue, options.get("priority", _PRIORITY)),
        max_attempts=policy.attempts,
        backoff=None if backoff is None else json.dumps(backoff.to_json()),
        timeout=policy.timeout,
        expires_in=_duration(options.get("expires_in"), "expires_in"),
        delay=delay,
        run_at=run_at,
    )


def _time(
    queue: str, delay: Duration | None, run_at: datetime | None
) -> tuple[timedelta | None, datetime | None]:
    if delay is not None and run_at is not None:
        raise ConfigError(f"push to {queue}: give delay or run_at, not both")
    if run_at is not None:
        if not isinstance(run_at, datetime):
            raise ConfigError(f"push to {queue}: run_at is {run_at!r:.40}; give an aware datetime")
        if run_at.utcoffset() is None:
            raise ConfigError(f"push to {queue}: run_at has no time zone; give an aware one")
        # As it was given: in UTC the first and the last day that there is may not exist.
        if not 1970 <= run_at.year < 9000 or run_at < _EPOCH:
            raise ConfigError(f"push to {queue}: run_at is {run_at}; give 1970 to 8999")
        return timedelta(), run_at
    return _duration(delay, "delay") or None, None


def _duration(value: Duration | None, field: str) -> timedelta | None:
    return None if value is None else durations.parse(value, field=field)


def _priority(queue: str, priority: int) -> int:
    whole = isinstance(priority, int) and not isinstance(priority, bool)
    if not whole or not 0 <= priority <= 9:
        raise ConfigError(f"push to {queue}: priority is {priority!r:.40}; give 0 to 9")
    return priority
