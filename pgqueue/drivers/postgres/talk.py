"""A talk with the database: statements and pauses as one generator, for any connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import psycopg

from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.statement import Statement, run

R = TypeVar("R")


class Ask(NamedTuple):
    """A statement to run; the talk is given its rows."""

    statement: Statement[Any]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds to wait, with nothing held."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Copy:
    """What to stream into a COPY in binary format: first comes the signature."""

    statement: Statement[Any]
    data: Iterable[bytes]


Talk = Generator[Ask | Pause | Copy, Sequence[Any], R]


def hold(conn: psycopg.Connection[Any], talk: Talk[R], schema: str) -> R:
    """Hold a talk on a blocking connection, in whatever transaction it is."""
    with translated():
        try:
            said = next(talk)
            while True:
                match said:
                    case Pause(seconds=seconds):
                        time.sleep(seconds)
                        said = talk.send(())
                    case Ask(statement=statement, parameters=parameters):
                        said = talk.send(run(conn, statement.within(schema), parameters))
                    case Copy():
                        _copy(conn, said, schema)
                        said = talk.send(())
        except StopIteration as end:
            value: R = end.value
            return value


async def hold_async(lend: Callable[..., Awaitable[Any]], talk: Talk[R], schema: str) -> R:
    """Hold a talk on async connections, which `lend` gives for one statement at a time."""
    try:
        said = next(talk)
        while True:
            match said:
                case Pause(seconds=seconds):
                    await asyncio.sleep(seconds)
                    said = talk.send(())
                case Ask(statement=statement, parameters=parameters):
                    said = talk.send(
                        await lend(partial(_run, statement.within(schema), parameters))
                    )
                case Copy():
                    await lend(partial(_copy_async, said, schema))
                    said = talk.send(())
    except StopIteration as end:
        value: R = end.value
        return value


def _run(
    statement: Statement[Any], parameters: Mapping[str, Any], conn: psycopg.AsyncConnection[Any]
) -> Awaitable[Sequence[Any]]:
    return run(conn, statement, parameters)


def _copy(conn: psycopg.Connection[Any], said: Copy, schema: str) -> None:
    with conn.cursor() as cursor, cursor.copy(said.statement.within(schema).text) as copy:
        for data in said.data:
            copy.write(data)


async def _copy_async(said: Copy, schema: str, conn: psycopg.AsyncConnection[Any]) -> None:
    text = said.statement.within(schema).text
    async with conn.cursor() as cursor, cursor.copy(text) as copy:
        for data in said.data:
            await copy.write(data)
