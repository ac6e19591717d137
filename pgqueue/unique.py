"""Unique pushes: what a key keeps out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pgqueue import durations
from pgqueue.durations import Duration
from pgqueue.errors import ConfigError

_LONGEST = 512


@dataclass(frozen=True, slots=True, init=False)
class Unique:
    """Lets a push through only if no job of the queue holds `key`, a text of up to 512 bytes.

    The job holds it `until` it is done (completed or dead; retries do not free it) or has
    started; or for the time `within`, counted from its push, whatever becomes of it. With
    `replace`, a push that meets a job that waits takes its place under the same id: its payload
    and its time count from then on.
    """

    key: str
    until: Literal["done", "started"]
    within: timedelta | None
    replace: bool

    def __init__(
        self,
        key: str,
        *,
        until: Literal["done", "started"] = "done",
        within: Duration | None = None,
        replace: bool = False,
    ) -> None:
        if not isinstance(key, str):
            raise ConfigError(f"unique: a key is a text, not {type(key).__name__}")
        if not 1 <= len(key.encode("utf-8", "replace")) <= _LONGEST or not _storable(key):
            raise ConfigError(
                f"unique: the key {key!r:.40} is not usable: give 1 to {_LONGEST} bytes of "
                "Unicode without NUL"
            )
        if until not in ("done", "started"):
            raise ConfigError(f"unique: until is {until!r:.40}; give 'done' or 'started'")
        if not isinstance(replace, bool):
            raise ConfigError(f"unique: replace is {replace!r:.40}; give True or False")
        time = None if within is None else durations.parse(within, field="unique: within")
        if time is not None and time <= timedelta():
            raise ConfigError(f"unique: within is {time}; give more than 0")
        if time is not None and until == "started":
            raise ConfigError("unique: give until='started' or within, not both")
        for name, value in (("key", key), ("until", until), ("within", time), ("replace", replace)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, given: Unique | str) -> Unique:
        """Return what a push has said, of which the key alone is the simplest."""
        return given if isinstance(given, Unique) else cls(given)

    def to_json(self) -> Mapping[str, Any]:
        """Return everything but the key, in seconds."""
        within = None if self.within is None else self.within.total_seconds()
        return {"until": self.until, "within": within, "replace": self.replace}


def _storable(key: str) -> bool:
    return "\x00" not in key and not any("\ud800" <= one <= "\udfff" for one in key)
