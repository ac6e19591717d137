"""Durations as people write them: "500ms", "30s", "1h30m", or a number of seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

Duration = timedelta | int | float | str
"""A `timedelta`, a number of seconds, or text such as "30s", "5m", "1h"."""

LONGEST: Final = timedelta(days=36525)

_ACCEPTED: Final = 'write "500ms", "30s", "5m", "1h", "2d", "1h30m" or a number of seconds'
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?)"
_PARTS: Final = re.compile("".join(f"(?:{_NUMBER}{unit})?" for unit in ("d", "h", "m", "s", "ms")))
_MICROSECONDS: Final = (86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1_000)


def parse(value: Duration, *, field: str) -> timedelta:
    """Read a duration, zero to a hundred years; a ValueError names the field and what to write."""
    duration = _read(value)
    if duration is None or duration < timedelta():
        raise ValueError(f"{field}: {value!r:.60} is not a duration; {_ACCEPTED}")
    if duration > LONGEST:
        raise ValueError(f"{field}: {value!r:.60} is too long; give a hundred years at most")
    return duration


def format(duration: timedelta) -> str:
    """Write a duration in the fewest parts that `parse` reads back as the same."""
    rest = duration // timedelta(microseconds=1)
    if rest < 0:
        raise ValueError(f"duration: {duration!r} is negative; {_ACCEPTED}")
    text = ""
    for size, unit in zip(_MICROSECONDS[:3], "dhm", strict=True):
        whole, rest = divmod(rest, size)
        text += f"{whole}{unit}" if whole else ""
    if not rest:
        return text or "0s"
    if text or rest >= 1_000_000:
        return f"{text}{_shortest(rest, 1_000_000)}s"
    return f"{_shortest(rest, 1_000)}ms"


def _read(value: object) -> timedelta | None:
    if isinstance(value, timedelta):
        return value
    try:
        if isinstance(value, str):
            return _read_text(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return timedelta(seconds=value)
    except OverflowError:
        return None
    return None


def _read_text(text: str) -> timedelta | None:
    if _SECONDS.fullmatch(text):
        text += "s"
    match = _PARTS.fullmatch(text)
    if not text or match is None:
        return None
    microseconds = sum(
        Decimal(number) * size
        for number, size in zip(match.groups(), _MICROSECONDS, strict=True)
        if number is not None
    )
    return timedelta(microseconds=round(microseconds))


def _shortest(microseconds: int, unit: int) -> str:
    whole, fraction = divmod(microseconds, unit)
    digits = str(fraction).zfill(len(str(unit)) - 1).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
