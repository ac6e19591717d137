"""Connections: how they are opened, and what every one of ours asks of the network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgqueue.config import Config
from pgqueue.drivers.postgres.failures import translate
from pgqueue.errors import Unavailable

logger = logging.getLogger("pgqueue.postgres")

# Between tries at the start: a reader of the log needs no twenty times the same line.
_LONGEST_PAUSE: Final = 2.0

# An idle connection finds a dead peer only by keepalives, a query in flight only by the user
# timeout: each alone misses the other's case for minutes.
_NETWORK: Final = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


def conninfo(config: Config, application: str) -> str:
    """Return the connection string in force; what the DSN says itself is left alone."""
    return _completed(config.conninfo(), config, application)


def listening_conninfo(config: Config, application: str) -> str:
    """Return the connection string of the line that listens."""
    return _completed(config.listen_dsn or config.conninfo(), config, application)


def _completed(dsn: str, config: Config, application: str) -> str:
    defaults = _NETWORK | {
        # After a failover the old primary may take connections again, as a standby.
        "target_session_attrs": "read-write",
        "application_name": application[:63],
        "connect_timeout": str(max(2, round(config.connect_timeout.total_seconds()))),
    }
    said = conninfo_to_dict(dsn)
    return make_conninfo(dsn, **{key: value for key, value in defaults.items() if key not in said})


async def patiently(
    connect: Callable[[], Any], config: Config, *, pause: float = 0.5
) -> psycopg.AsyncConnection[Any]:
    """Connect, trying again until `connect_timeout` has passed, with one warning a try."""
    deadline = monotonic() + config.connect_timeout.total_seconds()
    while True:
        try:
            async with asyncio.timeout(max(0.05, deadline - monotonic())):
                conn: psycopg.AsyncConnection[Any] = await connect()
            return conn
        except (psycopg.Error, TimeoutError) as error:
            failure = _explained(error, config)
            logger.warning("%s", failure)
            hopeless = not isinstance(failure, Unavailable)
            if hopeless or monotonic() + pause >= deadline:
                raise failure from error
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _explained(error: psycopg.Error | TimeoutError, config: Config) -> Exception:
    """Name the endpoint and the reason; libpq's own text could repeat the DSN."""
    where = f"cannot connect to {config.endpoint()}"
    if isinstance(error, TimeoutError):
        return Unavailable(f"{where}: no answer within {config.connect_timeout}")
    kind = type(translate(error))
    reason = " ".join(str(error).split())
    return kind(f"{where}: {reason:.300}")
