"""Reads which revision a database is at, and refuses what this code must not touch."""

from collections.abc import Collection

import psycopg
from psycopg import sql

from pgqueue_migrations.errors import MigrationError

_REVISION = sql.SQL("select version_num from {}.alembic_version")


def recorded(connection: psycopg.Connection, schema: str) -> str | None:
    """The revision that the schema's alembic_version records, or None."""
    ledger = f"{schema}.alembic_version"
    row = connection.execute("select to_regclass(%s)", [ledger]).fetchone()
    if row is None or row[0] is None:
        return None
    row = connection.execute(_REVISION.format(sql.Identifier(schema))).fetchone()
    return None if row is None else str(row[0])


def refuse_foreign(connection: psycopg.Connection, schema: str, known: Collection[str]) -> None:
    """Stop before a schema that newer code made, or that another Alembic history owns."""
    revision = recorded(connection, schema)
    stray = None if revision else _unrecorded(connection, schema)
    connection.rollback()
    if revision is not None and revision not in known:
        raise MigrationError(
            f"schema {schema} is at revision {revision}, newer than this code, which knows "
            f"{', '.join(sorted(known))}; nothing was changed. Install the pgqueue release that "
            f"has {revision}."
        )
    if stray is not None:
        raise MigrationError(
            f"schema {schema} already holds {stray}, but {schema}.alembic_version records no "
            "revision; nothing was changed. If your application's own Alembic made it, migrate "
            "there; otherwise drop the schema first."
        )


def _unrecorded(connection: psycopg.Connection, schema: str) -> str | None:
    row = connection.execute(
        "select relname from pg_class where relnamespace = to_regnamespace(%s) "
        "and relkind in ('r', 'p', 'v', 'S') and relname <> 'alembic_version' "
        "order by relname limit 1",
        [schema],
    ).fetchone()
    return None if row is None else str(row[0])
