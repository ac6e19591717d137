"""A statement is a value: constant SQL from a file, and the type of its rows."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Generic, TypeVar, overload

import psycopg
from psycopg.rows import BaseRowFactory, args_row

Row = TypeVar("Row")

# The schema that the files name.
SCHEMA: Final = "pgqueue"

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_TOKEN = re.compile(rf"'(?:[^']|'')*'|(?<![\w.$\"]){SCHEMA}(?![\w$])")


@dataclass(frozen=True, slots=True, eq=False)
class Statement(Generic[Row]):
    """SQL with named parameters, and what makes a row of its columns, in their order.

    If its plan is not `kept`, it is never prepared: the tables may have grown since the last time.
    """

    text: bytes
    row: Callable[..., Row]
    kept: bool = True
    factory: BaseRowFactory[Row] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "factory", args_row(self.row))

    def within(self, schema: str) -> Statement[Row]:
        """Return the same for a schema of another name; its text is made once and kept."""
        return self if schema == SCHEMA else _within(self, schema)


@cache
def _within(statement: Statement[Any], schema: str) -> Statement[Any]:
    text = renamed(statement.text.decode(), schema)
    return Statement(text.encode(), statement.row, statement.kept)


def renamed(sql: str, schema: str) -> str:
    """Put another schema in the place of ours, as an identifier; quoted texts are left alone."""
    return _TOKEN.sub(lambda token: f'"{schema}"' if token[0] == SCHEMA else token[0], sql)


def load(name: str, row: Callable[..., Row], *, kept: bool = True) -> Statement[Row]:
    """Read `sql/<name>.sql`; not `kept` is the plan of one that is rare, or has time.

    Parameters are written `:name` there, so that the file runs unedited in psql after `\\set`.
    """
    folder = files("pgqueue.drivers.postgres") / "sql"
    text = (folder / f"{name}.sql").read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    text = _PARAMETER.sub(r"%(\1)s", text.replace("%", "%%"))
    return Statement(text.encode(), row, kept)


@overload
def run(
    conn: psycopg.Connection[Any], statement: Statement[Row], parameters: Mapping[str, Any]
) -> list[Row]: ...
@overload
def run(
    conn: psycopg.AsyncConnection[Any], statement: Statement[Row], parameters: Mapping[str, Any]
) -> Awaitable[list[Row]]: ...
def run(
    conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any],
    statement: Statement[Row],
    parameters: Mapping[str, Any],
) -> list[Row] | Awaitable[list[Row]]:
    """Execute a statement: rows from a blocking connection, an awaitable from an async one.

    The caller's row factory, transaction and settings stay as they are.
    """
    if isinstance(conn, psycopg.AsyncConnection):
        return _run_async(conn, statement, parameters)
    cursor = conn.cursor(row_factory=statement.factory)
    prepare = None if statement.kept else False
    return cursor.execute(statement.text, parameters, prepare=prepare).fetchall()


async def _run_async(
    conn: psycopg.AsyncConnection[Any], statement: Statement[Row], parameters: Mapping[str, Any]
) -> list[Row]:
    # Not entered: a client's cursor has nothing to close, and each await costs a worker's lone job.
    cursor = conn.cursor(row_factory=statement.factory)
    await cursor.execute(statement.text, parameters, prepare=None if statement.kept else False)
    return await cursor.fetchall()
