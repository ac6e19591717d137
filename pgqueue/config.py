"""Every setting, each by keyword and by environment variable."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pgqueue import dsn as dsns
from pgqueue import durations
from pgqueue.backoff import DEFAULT_BACKOFF, Backoff, parse_backoff
from pgqueue.errors import ConfigError
from pgqueue.policy import MAX_ATTEMPTS

_MIB: Final = 1024 * 1024
# jsonb holds no array or object larger than this.
_JSONB_LIMIT: Final = 2**28 - 1
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,40}")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")


def _dsn(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("it is not text")
    return dsns.normalize(value)


def _schema(value: object) -> str:
    if not isinstance(value, str) or not _SCHEMA.fullmatch(value):
        raise ValueError(
            f"{value!r:.60} cannot name a schema: use 1 to 41 lower-case letters, digits and _, "
            "not starting with a digit or pg_"
        )
    return value


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{value!r:.60} is not a whole number from {least} to {most}")
        return value

    return read


def _duration(least: timedelta) -> Callable[[Any], timedelta]:
    def read(value: Any) -> timedelta:
        duration = durations.parse(value, field="duration")
        if duration < least:
            raise ValueError(f"{value!r:.60} is too short; give {durations.format(least)} or more")
        return duration

    return read


def _backoff(value: object) -> Backoff:
    return value if isinstance(value, Backoff) else parse_backoff(str(value))


_SHORT: Final = timedelta(milliseconds=10)

_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "dsn": _dsn,
    "schema": _schema,
    "pool_size": _whole(1, 1_000),
    "concurrency": _whole(1, 10_000),
    "lease": _duration(timedelta(seconds=1)),
    "heartbeat": _duration(_SHORT),
    "poll_interval": _duration(_SHORT),
    # libpq counts whole seconds, and its 0 waits for ever.
    "connect_timeout": _duration(timedelta(seconds=1)),
    "shutdown_timeout": _duration(timedelta()),
    "attempts": _whole(1, MAX_ATTEMPTS),
    "backoff": _backoff,
    "payload_warn_bytes": _whole(1, _JSONB_LIMIT),
    "payload_max_bytes": _whole(1, _JSONB_LIMIT),
}


def variable_of(name: str) -> str:
    """Name the environment variable of a field of `Config`."""
    return f"PGQUEUE_{name.upper()}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Config:
    """What a driver and its worker need to know; read, checked and never changed.

    A value may be given as its type or as the text that its variable would have.
    """

    dsn: str | None = None
    schema: str = "pgqueue"
    pool_size: int = 10
    concurrency: int = 10
    lease: timedelta = timedelta(seconds=60)
    heartbeat: timedelta = timedelta(seconds=15)
    poll_interval: timedelta = timedelta(seconds=5)
    connect_timeout: timedelta = timedelta(seconds=10)
    shutdown_timeout: timedelta = timedelta(seconds=30)
    attempts: int = 5
    backoff: Backoff = DEFAULT_BACKOFF
    payload_warn_bytes: int = 1 * _MIB
    payload_max_bytes: int = 8 * _MIB

    def __post_init__(self) -> None:
        for name in _names():
            try:
                value = _READ[name](getattr(self, name))
            except (ValueError, ConfigError) as error:
                raise ConfigError(f"{name} ({variable_of(name)}): {error}") from None
            object.__setattr__(self, name, value)
        if self.heartbeat >= self.lease:
            raise ConfigError(
                f"heartbeat (PGQUEUE_HEARTBEAT) is {durations.format(self.heartbeat)} and lease "
                f"(PGQUEUE_LEASE) is {durations.format(self.lease)}; a lease must be extended "
                "before it lapses: give a heartbeat of a quarter of the lease"
            )
        if self.payload_warn_bytes > self.payload_max_bytes:
            raise ConfigError(
                f"payload_warn_bytes (PGQUEUE_PAYLOAD_WARN_BYTES) is {self.payload_warn_bytes}, "
                "more than payload_max_bytes (PGQUEUE_PAYLOAD_MAX_BYTES), "
                f"{self.payload_max_bytes}; no payload would be warned about: lower the first"
            )

    @classmethod
    def load(
        cls,
        *,
        env: Mapping[str, str] | bool = True,
        dotenv: Mapping[str, str] | None = None,
        **pinned: Any,
    ) -> Config:
        """Take each field from its keyword, else the environment, else `.env`, else its default.

        `env=False` ignores the process's environment; an empty variable counts as unset.
        """
        _check_keywords(pinned)
        environment = (os.environ if env else {}) if isinstance(env, bool) else env
        variables = {**_filled(dotenv or {}), **_filled(environment)}
        found: dict[str, Any] = {
            name: variables[variable_of(name)]
            for name in _names()
            if variable_of(name) in variables
        }
        if "DATABASE_URL" in variables:
            found.setdefault("dsn", variables["DATABASE_URL"])
        if any(environment.get(name) for name in dsns.LIBPQ_VARIABLES):
            found.setdefault("dsn", "")
        return cls(**{**found, **pinned})

    def conninfo(self) -> str:
        """Return the connection string for libpq; empty when its own variables say it all."""
        if self.dsn is None:
            raise ConfigError(
                "no database is named, and there is no default: set PGQUEUE_DSN or DATABASE_URL to "
                f"postgresql://…, or one of {', '.join(dsns.LIBPQ_VARIABLES)}, or pass dsn="
            )
        return self.dsn

    def endpoint(self) -> str:
        """Name the database for messages, `host:port/dbname as user`, without its password."""
        return dsns.endpoint(self.conninfo(), os.environ)

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in _names()}
        shown["dsn"] = None if self.dsn is None else self.endpoint()
        return f"Config({', '.join(f'{name}={_shown(value)}' for name, value in shown.items())})"


def read_dotenv(path: str | Path) -> dict[str, str]:
    """Read KEY=VALUE lines, with `export`, quotes and comments; nothing is expanded."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {type(error).__name__}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        value = _unquoted(match[2].strip()) if match else None
        if match is None or value is None:
            raise ConfigError(f"{path}, line {number}: write KEY=VALUE, with closed quotes")
        found[match[1]] = value
    return found


_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")
_QUOTED: Final = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?""")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}


def _unquoted(text: str) -> str | None:
    if not text.startswith(('"', "'")):
        return _COMMENT.sub("", text).rstrip()
    match = _QUOTED.fullmatch(text)
    if match is None:
        return None
    double, single = match.groups()
    if double is None:
        return str(single)
    return re.sub(r"\\(.)", lambda escape: _ESCAPED.get(escape[1], escape[1]), double)


def _names() -> list[str]:
    return [setting.name for setting in fields(Config)]


def _check_keywords(pinned: Mapping[str, Any]) -> None:
    known = _names()
    for name in pinned:
        if name not in known:
            near = difflib.get_close_matches(name, known) or known
            raise ConfigError(f"{name} is not a setting; did you mean {', '.join(near)}?")


def _filled(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value}


def _shown(value: object) -> str:
    return durations.format(value) if isinstance(value, timedelta) else repr(value)
