"""Makes and drops databases on the tests' server: empty ones, the template, and its clones."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from pgqueue_migrations import upgrade
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

Connection = psycopg.Connection[TupleRow]

# Any constant: whoever holds it makes the template, and everybody else waits for it.
TEMPLATE_LOCK = 7_411_902


def on_database(dsn: str, name: str) -> str:
    """The same server's connection string for another database."""
    if "://" in dsn:
        return urlsplit(dsn)._replace(path=f"/{name}").geturl()
    return make_conninfo(dsn, dbname=name)


def make_template(server: Connection, server_dsn: str, name: str) -> None:
    """Make the migrated database once, however many processes ask for it."""
    server.execute("select pg_advisory_lock(%s)", [TEMPLATE_LOCK])
    try:
        if server.execute("select from pg_database where datname = %s", [name]).rowcount:
            return
        # Renamed only when whole, so that nobody clones one whose migration failed.
        draft = f"{name}_draft"
        drop_database(server, draft)
        server.execute(SQL("create database {}").format(Identifier(draft)))
        upgrade(on_database(server_dsn, draft))
        server.execute(
            SQL("alter database {} rename to {}").format(Identifier(draft), Identifier(name))
        )
    finally:
        server.execute("select pg_advisory_unlock(%s)", [TEMPLATE_LOCK])


@contextmanager
def new_database(server: Connection, *, template: str) -> Iterator[str]:
    """The name of a fresh copy of the template, dropped with whoever is connected to it."""
    name = f"pgqueue_test_{secrets.token_hex(6)}"
    # Copying files beats writing the log by half when the data is in memory.
    server.execute(
        SQL("create database {} template {} strategy file_copy").format(
            Identifier(name), Identifier(template)
        )
    )
    try:
        yield name
    finally:
        drop_database(server, name)


def drop_database(server: Connection, name: str) -> None:
    """Drop a database, if it is there, whoever is connected to it."""
    server.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))
