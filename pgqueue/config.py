"""Every setting, each by keyword and by environment variable."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Final

from pgqueue import dsn as dsns
from pgqueue import durations, reading
from pgqueue.backoff import DEFAULT_BACKOFF, Backoff
from pgqueue.errors import ConfigError
from pgqueue.policy import MAX_ATTEMPTS, Keeping, Limits, Policy
from pgqueue.queue import checked_name

_MIB: Final = 1024 * 1024
# jsonb holds no array or object larger than this.
_JSONB_LIMIT: Final = 2**28 - 1
_SHORT: Final = timedelta(milliseconds=10)


def _connections(value: object) -> dict[str, dict[str, Any]]:
    """Read named connections, each with settings of its own; no error quotes a DSN."""
    found = {}
    for name, settings in reading.named(value).items():
        try:
            checked_name(name, "connection")
        except ValueError:
            raise ValueError("a connection's name is 1 to 48 letters, digits, _ . : or -") from None
        found[name] = _settings(name, settings)
    return found


def _settings(connection: str, value: object) -> dict[str, Any]:
    found = {}
    for name, setting in reading.named(value).items():
        if name not in _READ or name == "connections":
            shown = name if name.isidentifier() else "what is there"
            raise ValueError(f"{connection}: {shown:.40} is not a setting of a connection")
        try:
            found[name] = _READ[name](setting)
        except (ValueError, ConfigError) as error:
            raise ValueError(f"{connection}: {name}: {error}") from None
    return found


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "dsn": reading.dsn,
    "listen_dsn": reading.dsn,
    "driver": reading.driver,
    "schema": reading.schema,
    "default_queue": reading.queue,
    "queues": reading.policies,
    "strict_queues": reading.truth,
    "connections": _connections,
    "pool_size": reading.whole(1, 1_000),
    "concurrency": reading.whole(1, 10_000),
    "lease": reading.duration(timedelta(seconds=1)),
    "heartbeat": reading.duration(_SHORT),
    "poll_interval": reading.duration(_SHORT),
    # libpq counts whole seconds, and its 0 waits for ever.
    "connect_timeout": reading.duration(timedelta(seconds=1)),
    "shutdown_timeout": reading.duration(timedelta()),
    "attempts": reading.whole(1, MAX_ATTEMPTS),
    "backoff": reading.backoff,
    "dead_letters": reading.keeping,
    "dead_retention": reading.or_none(reading.duration(_SHORT)),
    "dead_keep": reading.or_none(reading.whole(0, 2**31 - 1)),
    "payload_warn_bytes": reading.whole(1, _JSONB_LIMIT),
    "payload_max_bytes": reading.whole(1, _JSONB_LIMIT),
}


def variable_of(name: str) -> str:
    """Name the environment variable of a field of `Config`."""
    return f"PGQUEUE_{name.removeprefix('default_').upper()}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Config:
    """What a driver and its worker need to know; read, checked and never changed.

    A value may be given as its type or as the text that its variable would have.
    """

    dsn: str | None = None
    listen_dsn: str | None = None
    driver: str = "postgres"
    schema: str = "pgqueue"
    default_queue: str = "default"
    queues: Mapping[str, Policy] = field(default_factory=dict, hash=False)
    strict_queues: bool = False
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    pool_size: int = 10
    concurrency: int = 10
    lease: timedelta = timedelta(seconds=60)
    heartbeat: timedelta = timedelta(seconds=15)
    poll_interval: timedelta = timedelta(seconds=5)
    connect_timeout: timedelta = timedelta(seconds=10)
    shutdown_timeout: timedelta = timedelta(seconds=30)
    attempts: int = 5
    backoff: Backoff = DEFAULT_BACKOFF
    dead_letters: Keeping = "keep"
    dead_retention: timedelta | None = None
    dead_keep: int | None = None
    payload_warn_bytes: int = 1 * _MIB
    payload_max_bytes: int = 8 * _MIB

    def __post_init__(self) -> None:
        for name in _names():
            object.__setattr__(self, name, _read(name, getattr(self, name)))
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
        connection: str | None = None,
        env: Mapping[str, str] | bool = True,
        dotenv: Mapping[str, str] | None = None,
        **pinned: Any,
    ) -> Config:
        """Take each field from its keyword, else the environment, else `.env`, else its default.

        A named `connection` counts after the keywords and before the environment; no database is
        looked for but its own. `env=False` ignores the process's environment; an empty variable
        counts as unset.
        """
        _check_keywords(pinned)
        environment = (os.environ if env else {}) if isinstance(env, bool) else env
        found = _found(environment, _filled(dotenv or {}) | _filled(environment))
        if connection is None:
            return cls(**found | pinned)
        declared = _read("connections", (found | pinned).get("connections", {}))
        if connection not in declared:
            raise ConfigError(
                f"there is no connection {connection!r:.60}; "
                f"connections (PGQUEUE_CONNECTIONS) has {', '.join(declared) or 'none'}"
            )
        config = cls(**found | {"dsn": None, "listen_dsn": None} | declared[connection] | pinned)
        if config.dsn is None and config.driver == cls.driver:
            raise ConfigError(
                f"connection {connection} names no database: give it a dsn, for that of the "
                "default connection is not taken"
            )
        return config

    def connection_of(self, queue: str) -> str | None:
        """Name the connection that declares a queue, or has it as its default; None: this one."""
        for name, settings in self.connections.items():
            if queue == settings.get("default_queue") or queue in settings.get("queues", ()):
                return name
        return None

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

    def limits(self, queue: str) -> Limits:
        """Return what holds for a queue's jobs where neither their push nor a processor speaks."""
        limits = Limits(
            attempts=self.attempts,
            backoff=self.backoff,
            timeout=None,
            dead_letters=self.dead_letters,
        )
        return self.queues[queue].over(limits) if queue in self.queues else limits

    def keeps(self, queue: str) -> bool:
        """Return whether a queue's dead jobs are kept as dead letters."""
        return self.limits(queue).dead_letters == "keep"

    def refuse_undeclared(self, queue: str) -> None:
        """Raise ConfigError for a queue that is not among the declared ones, if that is strict."""
        if self.strict_queues and queue not in self.queues:
            raise ConfigError(
                f"push to {queue}: strict_queues (PGQUEUE_STRICT_QUEUES) is on, and queues "
                f"(PGQUEUE_QUEUES) has {', '.join(self.queues) or 'none'}"
            )

    def __repr__(self) -> str:
        return f"Config({_shown({name: getattr(self, name) for name in _names()})})"


def _names() -> list[str]:
    return [setting.name for setting in fields(Config)]


def _read(name: str, value: object) -> Any:
    try:
        return _READ[name](value)
    except (ValueError, ConfigError) as error:
        raise ConfigError(f"{name} ({variable_of(name)}): {error}") from None


def _check_keywords(pinned: Mapping[str, Any]) -> None:
    known = _names()
    for name in pinned:
        if name not in known:
            near = difflib.get_close_matches(name, known) or known
            raise ConfigError(f"{name} is not a setting; did you mean {', '.join(near)}?")


def _filled(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value}


def _found(environment: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: variables[variable_of(name)] for name in _names() if variable_of(name) in variables
    }
    if "DATABASE_URL" in variables:
        found.setdefault("dsn", variables["DATABASE_URL"])
    if any(environment.get(name) for name in dsns.LIBPQ_VARIABLES):
        found.setdefault("dsn", "")
    return found


def _shown(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_without_secrets(name, settings[name])}" for name in settings)


def _without_secrets(name: str, value: Any) -> str:
    match name, value:
        case "dsn" | "listen_dsn", str():
            return repr(dsns.endpoint(value, os.environ))
        case "connections", _:
            return f"{{{', '.join(f'{one}: ({_shown(value[one])})' for one in value)}}}"
        case _, timedelta():
            return durations.format(value)
        case _:
            return repr(value)
