"""Connections of other libraries: recognised without importing them, and left as they are.

A push goes through the library's own way to execute, never through the connection that it wraps:
that one may be outside of the caller's transaction, and then a job is lost or left over.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

from pgqueue.drivers.postgres.failures import translate_others

Rows = Sequence[tuple[int, bool]]


class Rowed(Protocol):
    """What a blocking `execute` returns."""

    def fetchall(self) -> Any:
        """Return the rows."""
        ...


class BlockingExecute(Protocol):
    """SQLAlchemy's Session and Connection, and psycopg's own connection."""

    def execute(self, statement: Any, /) -> Rowed:
        """Execute and wait."""
        ...


class AwaitedExecute(Protocol):
    """SQLAlchemy's AsyncSession and AsyncConnection, asyncpg's connection and pool."""

    def execute(self, statement: Any, /) -> Awaitable[Any]:
        """Execute when awaited."""
        ...


class DjangoConnection(Protocol):
    """Django's connection."""

    in_atomic_block: Any

    def cursor(self) -> Any:
        """Open a cursor, a context manager."""
        ...


class Caller(NamedTuple):
    """How one library's connections execute a statement, and nest a transaction."""

    execute: Callable[[Any, str, str], Any]
    nested: Callable[[Any], Any]
    awaited: bool = False


def _sqlalchemy(on: Any, sql: str, document: str) -> Rows:
    return _rows(on.execute(_text(sql), {"document": document}).all())


async def _sqlalchemy_async(on: Any, sql: str, document: str) -> Rows:
    return _rows((await on.execute(_text(sql), {"document": document})).all())


async def _asyncpg(on: Any, sql: str, document: str) -> Rows:
    return _rows(await on.fetch(sql.format("$1"), document))


def _cursor(on: Any, sql: str, document: str) -> Rows:
    with on.cursor() as cursor:
        cursor.execute(sql.format("%s"), [document])
        return _rows(cursor.fetchall())


def _text(sql: str) -> Any:
    return sys.modules["sqlalchemy"].text(sql.format(":document"))


def _rows(rows: Any) -> Rows:
    return [(row[0], row[1]) for row in rows]


def _savepoint(on: Any) -> Any:
    return on.begin_nested()


def _atomic(on: Any) -> Any:
    return sys.modules["django.db.transaction"].atomic(using=on.alias)


@contextmanager
def _psycopg2_nested(on: Any) -> Iterator[None]:
    point = " savepoint pgqueue_push"
    begin, undo, end = (point, f"rollback to{point}", f"release{point}")
    if on.autocommit:
        begin, undo, end = "begin", "rollback", "commit"
    with on.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        except BaseException:
            cursor.execute(undo)
            raise
        cursor.execute(end)


_SESSION: Final = Caller(_sqlalchemy, _savepoint)
_ASYNC_SESSION: Final = Caller(_sqlalchemy_async, _savepoint, awaited=True)
_DJANGO: Final = Caller(_cursor, _atomic)
_ASYNCPG: Final = Caller(_asyncpg, lambda on: on.transaction(), awaited=True)

# By the names of their classes: none of these libraries is imported here.
_CALLERS: Final = {
    "sqlalchemy.orm.session.Session": _SESSION,
    "sqlalchemy.orm.scoping.scoped_session": _SESSION,
    "sqlalchemy.engine.base.Connection": _SESSION,
    "sqlalchemy.ext.asyncio.session.AsyncSession": _ASYNC_SESSION,
    "sqlalchemy.ext.asyncio.scoping.async_scoped_session": _ASYNC_SESSION,
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": _ASYNC_SESSION,
    "asyncpg.connection.Connection": _ASYNCPG,
    "asyncpg.pool.PoolConnectionProxy": _ASYNCPG,
    "asyncpg.pool.Pool": _ASYNCPG,
    "django.db.backends.base.base.BaseDatabaseWrapper": _DJANGO,
    "django.utils.connection.ConnectionProxy": _DJANGO,
    "psycopg2.extensions.connection": Caller(_cursor, _psycopg2_nested),
}
_WITHOUT_TRANSACTION: Final = {
    "sqlalchemy.engine.base.Engine": "a connection of it: with engine.begin() as conn",
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": "a connection: async with engine.begin() as conn",
    "sqlalchemy.orm.session.sessionmaker": "a session of it: with sessions.begin() as session",
    "django.utils.connection.BaseConnectionHandler": "one of them: connections['default']",
}


def caller(on: object) -> Caller:
    """Return how to execute on a connection, by the name of its class; TypeError if unknown."""
    names = _names(on)
    for name in names:
        if name in _CALLERS:
            return _CALLERS[name]
        if name in _WITHOUT_TRANSACTION:
            raise TypeError(
                f"on= is a {type(on).__name__}, which has no transaction; give "
                f"{_WITHOUT_TRANSACTION[name]}"
            )
    raise TypeError(
        f"on= is a {names[0]}; give a connection or pool of psycopg or asyncpg, a Session, "
        "Connection, AsyncSession or AsyncConnection of SQLAlchemy, or Django's connection"
    )


def _names(on: object) -> Sequence[str]:
    return [f"{one.__module__}.{one.__qualname__}" for one in type(on).__mro__]


def is_pool(on: object) -> bool:
    """Return whether it lends connections by `acquire`, as asyncpg's pool does."""
    return "asyncpg.pool.Pool" in _names(on)


def execute(on: Any, sql: bytes, document: str) -> Rows:
    """Execute a statement of one text parameter on a blocking connection."""
    with _translated():
        rows: Rows = caller(on).execute(on, _template(sql), document)
        return rows


async def execute_async(on: Any, sql: bytes, document: str) -> Rows:
    """Execute a statement of one text parameter on an async connection."""
    with _translated():
        rows: Rows = await caller(on).execute(on, _template(sql), document)
        return rows


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if (ours := translate_others(error)) is None:
            raise
        raise ours from error


def _template(sql: bytes) -> str:
    return sql.decode().replace("%(document)s", "{}")
