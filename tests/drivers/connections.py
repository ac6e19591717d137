"""Every connection that a push takes, as tests use it: opened, ended, and nested."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import django
import psycopg
import psycopg2
import sqlalchemy as sa
from django.conf import settings as django_settings
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine


@dataclass(frozen=True, slots=True)
class Caller:
    """An application with a transaction open: what it pushes on, and how it ends."""

    on: Any
    commit: Callable[[], Any]
    rollback: Callable[[], Any]
    savepoint: Callable[[], Any]
    run: Callable[[Any], Any] = lambda value: value

    def undone(self, act: Callable[[], Any]) -> None:
        """Do something in a savepoint, and roll back to it."""
        self.run(self.savepoint_around(act))

    def savepoint_around(self, act: Callable[[], Any]) -> Any:
        point = self.savepoint()
        if not hasattr(point, "__aenter__") or hasattr(point, "__enter__"):
            return _undo(point, act)
        return _undo_async(point, act)


class _Undo(Exception):
    pass


def _undo(point: AbstractContextManager[Any], act: Callable[[], Any]) -> None:
    try:
        with point:
            act()
            raise _Undo
    except _Undo:
        return


async def _undo_async(point: Any, act: Callable[[], Any]) -> None:
    try:
        async with point:
            await act()
            raise _Undo
    except _Undo:
        return


@contextmanager
def _running() -> Iterator[Callable[[Any], Any]]:
    with asyncio.Runner() as runner:

        async def awaited(value: Any) -> Any:
            return await value

        def run(value: Any) -> Any:
            return runner.run(awaited(value)) if inspect.isawaitable(value) else value

        yield run


@contextmanager
def psycopg_blocking(dsn: str) -> Iterator[Caller]:
    with psycopg.connect(dsn) as conn:
        yield Caller(conn, conn.commit, conn.rollback, conn.transaction)


@contextmanager
def psycopg_dict_rows(dsn: str) -> Iterator[Caller]:
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        yield Caller(conn, conn.commit, conn.rollback, conn.transaction)


@contextmanager
def psycopg_autocommit(dsn: str) -> Iterator[Caller]:
    """An autocommit connection in a transaction of its own making."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("begin")
        yield Caller(conn, conn.commit, conn.rollback, conn.transaction)


@contextmanager
def psycopg_pipeline(dsn: str) -> Iterator[Caller]:
    with psycopg.connect(dsn) as conn, conn.pipeline():
        yield Caller(conn, conn.commit, conn.rollback, conn.transaction)


@contextmanager
def psycopg_async(dsn: str) -> Iterator[Caller]:
    with _running() as run:
        conn = run(psycopg.AsyncConnection.connect(dsn))
        try:
            yield Caller(conn, conn.commit, conn.rollback, conn.transaction, run)
        finally:
            run(conn.close())


@contextmanager
def psycopg2_connection(dsn: str) -> Iterator[Caller]:
    conn = psycopg2.connect(dsn)
    try:
        yield Caller(conn, conn.commit, conn.rollback, lambda: _psycopg2_savepoint(conn))
    finally:
        conn.close()


@contextmanager
def _psycopg2_savepoint(conn: Any) -> Iterator[None]:
    cursor = conn.cursor()
    cursor.execute("savepoint one")
    try:
        yield
    except BaseException:
        cursor.execute("rollback to savepoint one")
        raise


def _url(dsn: str, dialect: str) -> sa.URL:
    parts = conninfo_to_dict(dsn)
    return sa.URL.create(
        f"postgresql+{dialect}",
        username=str(parts["user"]),
        password=str(parts["password"]) if "password" in parts else None,
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        database=str(parts["dbname"]),
    )


def sqlalchemy_session(dialect: str) -> Any:
    @contextmanager
    def opened(dsn: str) -> Iterator[Caller]:
        engine = sa.create_engine(_url(dsn, dialect))
        with orm.Session(engine) as session:
            yield Caller(session, session.commit, session.rollback, session.begin_nested)
        engine.dispose()

    return opened


@contextmanager
def sqlalchemy_scoped(dsn: str) -> Iterator[Caller]:
    engine = sa.create_engine(_url(dsn, "psycopg"))
    session = orm.scoped_session(orm.sessionmaker(engine))
    yield Caller(session, session.commit, session.rollback, session.begin_nested)
    session.remove()
    engine.dispose()


def sqlalchemy_connection(dialect: str) -> Any:
    @contextmanager
    def opened(dsn: str) -> Iterator[Caller]:
        engine = sa.create_engine(_url(dsn, dialect))
        with engine.connect() as conn:
            yield Caller(conn, conn.commit, conn.rollback, conn.begin_nested)
        engine.dispose()

    return opened


def sqlalchemy_async(kind: type[AsyncSession | AsyncConnection], dialect: str) -> Any:
    @contextmanager
    def opened(dsn: str) -> Iterator[Caller]:
        with _running() as run:
            engine = create_async_engine(_url(dsn, dialect))
            on: Any = AsyncSession(engine) if kind is AsyncSession else engine.connect()
            if kind is AsyncConnection:
                run(on.start())
            yield Caller(on, on.commit, on.rollback, on.begin_nested, run)
            run(on.close())
            run(engine.dispose())

    return opened


@contextmanager
def asyncpg_connection(dsn: str) -> Iterator[Caller]:
    with _running() as run:
        conn = run(asyncpg.connect(str(_url(dsn, "x").render_as_string(False)).replace("+x", "")))
        transactions = [conn.transaction()]
        run(transactions[0].start())

        async def end(how: str) -> None:
            await getattr(transactions.pop(), how)()
            transactions.append(conn.transaction())
            await transactions[0].start()

        yield Caller(conn, lambda: end("commit"), lambda: end("rollback"), conn.transaction, run)
        run(conn.close())


@contextmanager
def django_connection(dsn: str) -> Iterator[Caller]:
    from django.db import transaction

    with django_default(dsn) as connection:
        connection.set_autocommit(False)
        yield Caller(
            connection, connection.commit, connection.rollback, lambda: transaction.atomic()
        )
        connection.rollback()


@contextmanager
def django_default(dsn: str) -> Iterator[Any]:
    """Make a database Django's default one, and give Django's connection to it."""
    from django.db import connections

    configure_django()
    parts = conninfo_to_dict(dsn)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    connections.settings["default"] |= {key: parts.get(name, "") for key, name in names.items()}
    connections.settings["default"]["PORT"] = str(parts["port"])
    connection = connections["default"]
    connection.settings_dict.update(connections.settings["default"])
    try:
        yield connection
    finally:
        connection.close()
        del connections["default"]


def configure_django() -> None:
    """Set Django up once in a process."""
    if not django_settings.configured:
        backend = "pgqueue.integrations.django.PgqueueBackend"
        django_settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": ""}},
            TASKS={"default": {"BACKEND": backend, "QUEUES": ["default", "mail"]}},
            INSTALLED_APPS=[],
            USE_TZ=True,
        )
        django.setup()


KINDS: dict[str, Any] = {
    "psycopg": psycopg_blocking,
    "psycopg, rows as dicts": psycopg_dict_rows,
    "psycopg, autocommit": psycopg_autocommit,
    "psycopg, pipeline": psycopg_pipeline,
    "psycopg, async": psycopg_async,
    "psycopg2": psycopg2_connection,
    "asyncpg": asyncpg_connection,
    "SQLAlchemy Session, psycopg": sqlalchemy_session("psycopg"),
    "SQLAlchemy Session, psycopg2": sqlalchemy_session("psycopg2"),
    "SQLAlchemy scoped_session": sqlalchemy_scoped,
    "SQLAlchemy Connection, psycopg": sqlalchemy_connection("psycopg"),
    "SQLAlchemy Connection, psycopg2": sqlalchemy_connection("psycopg2"),
    "SQLAlchemy AsyncSession, psycopg": sqlalchemy_async(AsyncSession, "psycopg"),
    "SQLAlchemy AsyncSession, asyncpg": sqlalchemy_async(AsyncSession, "asyncpg"),
    "SQLAlchemy AsyncConnection, psycopg": sqlalchemy_async(AsyncConnection, "psycopg"),
    "SQLAlchemy AsyncConnection, asyncpg": sqlalchemy_async(AsyncConnection, "asyncpg"),
    "Django": django_connection,
}
