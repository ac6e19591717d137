"""Databases that live for one test: a template that is prepared once, and copies of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from pgqueue.drivers.postgres.failures import translated


class Scratch:
    """Makes databases on a server, and touches none that it did not make.

    `prepare` is given the connection string of the template before it is copied first.
    """

    def __init__(self, dsn: str, prepare: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._prepare = prepare
        self._template: str | None = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a database and give its connection string; at the end it is dropped."""
        if self._template is None:
            self._template = self._prepared()
        name = _new_name("test")
        # Copying files beats writing the log by half when the data is in memory.
        self._execute("create database {} template {} strategy file_copy", name, self._template)
        try:
            yield self._connection_string(name)
        finally:
            self._execute("drop database if exists {} with (force)", name)

    def close(self) -> None:
        """Drop the template."""
        if self._template is not None:
            self._execute("drop database if exists {} with (force)", self._template)

    def _prepared(self) -> str:
        name = _new_name("template")
        self._execute("create database {}", name)
        try:
            self._prepare(self._connection_string(name))
        except BaseException:
            self._execute("drop database if exists {} with (force)", name)
            raise
        return name

    def _execute(self, statement: LiteralString, *names: str) -> None:
        with translated(), psycopg.connect(self._dsn, autocommit=True) as server:
            server.execute(SQL(statement).format(*map(Identifier, names)))

    def _connection_string(self, name: str) -> str:
        if "://" in self._dsn:
            return urlsplit(self._dsn)._replace(path=f"/{name}").geturl()
        return make_conninfo(self._dsn, dbname=name)


def _new_name(kind: str) -> str:
    return f"pgqueue_{kind}_{secrets.token_hex(6)}"
