"""How one setting is read: from its own type, or from the text that a variable has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from pgqueue import dsn as dsns
from pgqueue import durations
from pgqueue.backoff import Backoff, parse_backoff
from pgqueue.errors import ConfigError
from pgqueue.policy import Keeping, Policy
from pgqueue.queue import queue_name

T = TypeVar("T")

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,40}")
_DRIVER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
_TRUTHS: Final = {"true": True, "1": True, "yes": True, "on": True} | {
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
_POLICY: Final = ("attempts", "retries", "backoff", "timeout", "dead_letters", "retry_until")


def dsn(value: object) -> str | None:
    """Read a connection string; None is none."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("it is not text")
    return dsns.normalize(value)


def schema(value: object) -> str:
    """Read the name of a schema, which is put into SQL as an identifier."""
    if not isinstance(value, str) or not _SCHEMA.fullmatch(value):
        raise ValueError(
            f"{value!r:.60} cannot name a schema: use 1 to 41 lower-case letters, digits and _, "
            "not starting with a digit or pg_"
        )
    return value


def driver(value: object) -> str:
    """Read the name of a driver; whether there is one is found out when it is made."""
    if not isinstance(value, str) or not _DRIVER.fullmatch(value):
        raise ValueError(f"{value!r:.60} cannot name a driver, as postgres, memory or sync do")
    return value


def queue(value: Any) -> str:
    """Read the name of a queue."""
    return queue_name(value)


def whole(least: int, most: int) -> Callable[[object], int]:
    """Return what reads a whole number in these bounds."""

    def read(value: object) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{value!r:.60} is not a whole number from {least} to {most}")
        return value

    return read


def or_none(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Return what reads the same, or None."""
    return lambda value: None if value is None else read(value)


def truth(value: object) -> bool:
    """Read yes or no."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.strip().lower() not in _TRUTHS:
        raise ValueError(f"{value!r:.60} is neither true nor false")
    return _TRUTHS[value.strip().lower()]


def duration(least: timedelta) -> Callable[[Any], timedelta]:
    """Return what reads a duration that is not shorter."""

    def read(value: Any) -> timedelta:
        found = durations.parse(value, field="duration")
        if found < least:
            raise ValueError(f"{value!r:.60} is too short; give {durations.format(least)} or more")
        return found

    return read


def backoff(value: object) -> Backoff:
    """Read the waits between attempts."""
    return value if isinstance(value, Backoff) else parse_backoff(str(value))


def keeping(value: object) -> Keeping:
    """Read what becomes of dead jobs."""
    if value not in ("keep", "none"):
        raise ValueError(f"{value!r:.60} is neither keep nor none")
    return value


def named(value: object) -> dict[str, Any]:
    """Read a mapping by names, or a JSON object; an error quotes nothing of it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError('it is not a mapping by names, {"name": {…}, …} as JSON')
    return dict(value)


def policies(value: object) -> dict[str, Policy]:
    """Read queues, each with the policy of its jobs."""
    return {queue(name): _policy(name, said) for name, said in named(value).items()}


def _policy(name: str, said: object) -> Policy:
    if isinstance(said, Policy):
        return said
    try:
        answers = named(said)
        if unknown := sorted(set(answers) - set(_POLICY)):
            raise ValueError(f"it has no {', '.join(unknown):.60}, only {', '.join(_POLICY)}")
        if "backoff" in answers:
            answers["backoff"] = backoff(answers["backoff"])
        return Policy.of(**answers)
    except (ValueError, TypeError, ConfigError) as error:
        raise ValueError(f"{name}: {error}") from None
