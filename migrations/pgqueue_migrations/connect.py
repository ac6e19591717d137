"""Opens the one direct connection that a migration runs on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgqueue_migrations import errors
from pgqueue_migrations.errors import MigrationError
from pgqueue_migrations.schemas import DEFAULT

PATIENCE = 300.0
POLL = 0.2


@contextmanager
def connected(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection that gives up on busy locks and has no time limit of its own.

    No error shows the password, not even when the DSN is malformed.
    """
    connection, problem = _try_to_connect(dsn)
    if connection is None:
        raise MigrationError(
            f"cannot connect to the database: {problem}. "
            "Check the DSN or the PG* environment variables."
        )
    with connection:
        connection.execute(
            "select set_config('lock_timeout', %s, false), "
            "set_config('statement_timeout', '0', false)",
            [errors.LOCK_TIMEOUT],
        )
        connection.commit()
        yield connection


@contextmanager
def exclusive(connection: psycopg.Connection, schema: str = DEFAULT) -> Iterator[None]:
    """Hold the schema's migration lock, so that only one process migrates it at a time."""
    lock = [f"pgqueue migrates {schema}"]
    # Polled: a waiting pg_advisory_lock() holds a snapshot, and the CREATE INDEX CONCURRENTLY of
    # whoever has the lock would wait for it.
    deadline = time.monotonic() + PATIENCE
    while not _locked(connection, lock):
        if time.monotonic() >= deadline:
            raise MigrationError(
                f"another migration of schema {schema} has been running for {PATIENCE:.0f} s; "
                "wait for it, or find its session in pg_locks (locktype advisory)."
            )
        time.sleep(POLL)
    try:
        yield
    finally:
        if not connection.closed:
            connection.rollback()
            connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", lock)
            connection.rollback()


def _locked(connection: psycopg.Connection, lock: list[str]) -> bool:
    query = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
    row = connection.execute(query, lock).fetchone()
    connection.rollback()
    return row is not None and bool(row[0])


def _try_to_connect(dsn: str) -> tuple[psycopg.Connection | None, str]:
    # Returned, not raised: a traceback would carry the driver's message along as its context.
    try:
        return psycopg.connect(dsn, fallback_application_name="pgqueue migrate"), ""
    except psycopg.Error as error:
        if _misread(dsn):
            return None, "the DSN cannot be read (in a URL, percent-encode the password)"
        return None, " ".join(str(error).split()).rstrip(".")


def _misread(dsn: str) -> bool:
    # A password with an unescaped @, / or : is split up, and libpq quotes its parts as if they
    # were a host, a port or a database.
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return True
    port = str(parts.get("port") or "0").replace(",", "")
    return not port.isdigit() or "@" in f"{parts.get('host')}{parts.get('dbname')}"
