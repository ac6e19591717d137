"""`pgqueue migrate`: the schema, brought to what this code needs."""

from __future__ import annotations

from typing import Annotated

import typer

from pgqueue_cli.options import Connection, Dsn


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 3 when the schema is behind.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the script instead of running it.")
    ] = False,
    to: Annotated[
        str | None, typer.Option(metavar="REV", help="The revision; default: the newest.")
    ] = None,
    schema: Annotated[
        str | None, typer.Option(metavar="NAME", help="The schema; default: PGQUEUE_SCHEMA.")
    ] = None,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Create or upgrade the schema; safe to repeat."""
    import pgqueue_migrations

    from pgqueue.drivers.postgres.connect import conninfo
    from pgqueue.errors import ConfigError
    from pgqueue_cli import settings

    if check and sql:
        raise ConfigError("--check and --sql exclude each other; give one of them")
    config = settings.config(connection, dsn=dsn, schema=schema)
    if sql:
        print(pgqueue_migrations.sql(to or "head", config.schema))
        return
    database = conninfo(config, "pgqueue:migrate")
    if check:
        at = pgqueue_migrations.current(database, config.schema)
        _check(config.schema, at, to or pgqueue_migrations.head())
    else:
        pgqueue_migrations.upgrade(database, to or "head", config.schema)
    at = pgqueue_migrations.current(database, config.schema)
    print(f"schema {config.schema} is at revision {at}")


def _check(schema: str, at: str | None, wanted: str) -> None:
    """Compare revisions, which are numbered so that a later one sorts after."""
    from pgqueue.errors import SchemaError

    if at is None or at < wanted:
        where = "not there yet" if at is None else f"at revision {at}"
        run = "pgqueue migrate" if schema == "pgqueue" else f"pgqueue migrate --schema {schema}"
        raise SchemaError(f"schema {schema} is {where}, not at {wanted}: run `{run}`")
    if at > wanted:
        raise SchemaError(
            f"schema {schema} is at revision {at}, newer than {wanted}: upgrade pgqueue"
        )
