"""Reads which revision a database is at, and refuses what this code must not touch."""

from collections.abc import Collection

import psycopg

from pgqueue_migrations.errors import MigrationError


def recorded(connection: psycopg.Connection) -> str | None:
    """The revision that pgqueue.alembic_version records, or None."""
    row = connection.execute("select to_regclass('pgqueue.alembic_version')").fetchone()
    if row is None or row[0] is None:
        return None
    row = connection.execute("select version_num from pgqueue.alembic_version").fetchone()
    return None if row is None else str(row[0])


def refuse_foreign(connection: psycopg.Connection, known: Collection[str]) -> None:
    """Stop before a schema that newer code made, or that another Alembic history owns."""
    revision = recorded(connection)
    stray = None if revision else _unrecorded(connection)
    connection.rollback()
    if revision is not None and revision not in known:
        raise MigrationError(
            f"the database is at schema revision {revision}, newer than this code, which knows "
            f"{', '.join(sorted(known))}; nothing was changed. Install the pgqueue release that "
            f"has {revision}."
        )
    if stray is not None:
        raise MigrationError(
            f"schema pgqueue already holds {stray}, but pgqueue.alembic_version records no "
            "revision; nothing was changed. If your application's own Alembic made it, migrate "
            "there; otherwise drop the schema first."
        )


def _unrecorded(connection: psycopg.Connection) -> str | None:
    row = connection.execute(
        "select relname from pg_class where relnamespace = to_regnamespace('pgqueue') "
        "and relkind in ('r', 'p', 'v', 'S') and relname <> 'alembic_version' "
        "order by relname limit 1"
    ).fetchone()
    return None if row is None else str(row[0])
