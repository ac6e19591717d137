"""The one connection of a command that looks into the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres.connect import conninfo
from pgqueue.drivers.postgres.failures import translate
from pgqueue.errors import ConfigError


@contextmanager
def connected(config: Config) -> Iterator[psycopg.Connection[Any]]:
    """Open an autocommit connection; a failure names the endpoint and never the password."""
    if config.driver in ("memory", "sync"):
        raise ConfigError(
            f"driver (PGQUEUE_DRIVER) is {config.driver}, which keeps its jobs to its own process; "
            "this command is for those in PostgreSQL"
        )
    try:
        conn = psycopg.connect(conninfo(config, "pgqueue:cli"), autocommit=True)
    except psycopg.Error as error:
        kind = type(translate(error))
        raise kind(f"cannot connect to {config.endpoint()}: {error}") from error
    with conn:
        yield conn
