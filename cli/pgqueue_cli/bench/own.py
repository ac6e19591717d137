"""A schema of the benchmark's own, which goes when it ends, however it ends."""

from __future__ import annotations

import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from pgqueue.config import Config
from pgqueue_cli import database

PREFIX = "pgqueue_bench_"
_LEFT = SQL("select nspname from pg_namespace where starts_with(nspname, %s) order by nspname")
_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def own_schema(given: Config) -> Iterator[tuple[Config, psycopg.Connection[Any]]]:
    """Give settings and a connection for a fresh schema, and drop it; Ctrl-C ends it early."""
    import pgqueue_migrations

    from pgqueue.drivers.postgres.connect import conninfo

    config = replace(given, schema=PREFIX + secrets.token_hex(4))
    with database.connected(config) as conn, _ended_by_signals():
        _tell_of_others(conn)
        try:
            pgqueue_migrations.upgrade(conninfo(config, "pgqueue:bench"), schema=config.schema)
            yield config, conn
        finally:
            # A second Ctrl-C must not leave the schema behind.
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
            _drop(config)


def _drop(config: Config) -> None:
    with database.connected(config) as conn:
        conn.execute(SQL("drop schema if exists {} cascade").format(Identifier(config.schema)))


def _tell_of_others(conn: psycopg.Connection[Any]) -> None:
    for (name,) in conn.execute(_LEFT, [PREFIX]):
        print(
            f"schema {name} is of another `pgqueue bench`; if none runs, drop it: "
            f"drop schema {name} cascade",
            file=sys.stderr,
        )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the block as Ctrl-C does, also for SIGTERM, and leave with the signal's exit code."""

    def end(number: int, frame: FrameType | None) -> None:
        # A second one could end what cleans up.
        for one in _STOPS:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {one: signal.signal(one, end) for one in _STOPS}
    try:
        yield
    finally:
        for one, handler in before.items():
            with suppress(ValueError):
                signal.signal(one, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
