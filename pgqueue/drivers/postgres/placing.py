"""Placing orders: on whatever connection the caller has, in its transaction and its colour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pgqueue.config import Config
from pgqueue.drivers.postgres.callers import (
    AwaitedExecute,
    BlockingExecute,
    DjangoConnection,
    caller,
    execute,
    execute_async,
    is_pool,
)
from pgqueue.drivers.postgres.failures import translate, translated
from pgqueue.drivers.postgres.order import PUSH_BRIEF, PUSH_SEALED, Order
from pgqueue.drivers.postgres.pools import Pool, ThreadPool
from pgqueue.drivers.postgres.statement import run
from pgqueue.drivers.postgres.talk import hold, hold_async
from pgqueue.producer import sealed
from pgqueue.pushed import Pushed
from pgqueue.queue import Queue
from pgqueue.sealing import closing

Blocking = (
    psycopg.Connection[Any] | ConnectionPool[Any] | ThreadPool | BlockingExecute | DjangoConnection
)
Async = psycopg.AsyncConnection[Any] | AsyncConnectionPool[Any] | Pool | AwaitedExecute


def is_blocking(on: object) -> bool:
    """Return whether a push on it returns a value, not an awaitable; TypeError if unusable."""
    match on:
        case psycopg.Connection() | ConnectionPool() | ThreadPool():
            return True
        case psycopg.AsyncConnection() | AsyncConnectionPool() | Pool():
            return False
        case _:
            return not caller(on).awaited


def place_brief(
    on: psycopg.Connection[Any], queue: Queue[Any], payload: object, config: Config
) -> Pushed:
    """Push one payload of which nothing more is said, with nothing between it and its statement."""
    envelope = sealed(queue, payload, config, closing(None)).decode()
    statement = PUSH_BRIEF.within(config.schema)
    try:
        return run(on, statement, {"queue": queue.name, "envelope": envelope})[0]
    except psycopg.Error as error:
        raise translate(error) from error


def place(on: Any, order: Order, schema: str) -> Sequence[Pushed]:
    """Push one payload on a blocking connection, and return the ids."""
    if isinstance(on, psycopg.Connection):
        statement, parameters = order.ask()
        with translated():
            return run(on, statement.within(schema), parameters)
    rows = execute(on, PUSH_SEALED.within(schema).text, order.document())
    return [Pushed.of(*row) for row in rows]


async def place_async(on: Any, order: Order, schema: str) -> Sequence[Pushed]:
    """Push one payload on an async connection, and return the ids."""
    if isinstance(on, psycopg.AsyncConnection):
        statement, parameters = order.ask()
        with translated():
            return await run(on, statement.within(schema), parameters)
    rows = await execute_async(on, PUSH_SEALED.within(schema).text, order.document())
    return [Pushed.of(*row) for row in rows]


def place_many(on: Any, order: Order, schema: str) -> Sequence[int]:
    """Push many on a blocking connection, and return the ids."""
    if isinstance(on, psycopg.Connection):
        return hold(on, order.talk(copies=not _piped(on)), schema)
    return place(on, order, schema)


async def place_many_async(on: Any, order: Order, schema: str) -> Sequence[int]:
    """Push many on an async connection, and return the ids."""
    if isinstance(on, psycopg.AsyncConnection):
        return await hold_async(lambda work: work(on), order.talk(copies=not _piped(on)), schema)
    return await place_async(on, order, schema)


@contextmanager
def lent(on: Any, *, atomic: bool = False) -> Iterator[Any]:
    """Give the connection itself, or one of a pool; all or nothing, if `atomic`."""
    with translated(), ExitStack() as stack:
        if isinstance(on, ConnectionPool | ThreadPool):
            on = stack.enter_context(on.connection())
        if atomic:
            ours = isinstance(on, psycopg.Connection)
            stack.enter_context(on.transaction() if ours else caller(on).nested(on))
        yield on


@asynccontextmanager
async def lent_async(on: Any, *, atomic: bool = False) -> AsyncIterator[Any]:
    """Give the connection itself, or one of a pool; all or nothing, if `atomic`."""
    with translated():
        async with AsyncExitStack() as stack:
            if isinstance(on, AsyncConnectionPool | Pool):
                on = await stack.enter_async_context(on.connection())
            elif is_pool(on):
                on = await stack.enter_async_context(on.acquire())
            if atomic:
                ours = isinstance(on, psycopg.AsyncConnection)
                await stack.enter_async_context(on.transaction() if ours else caller(on).nested(on))
            yield on


def batch_of(on: object) -> int:
    """Return how many jobs go in one order: COPY takes many, but not in a pipeline."""
    if isinstance(on, psycopg.Connection | psycopg.AsyncConnection):
        return 1_000 if _piped(on) else 10_000
    ours = isinstance(on, ConnectionPool | AsyncConnectionPool | Pool | ThreadPool)
    return 10_000 if ours else 1_000


def _piped(on: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    return on.pgconn.pipeline_status != psycopg.pq.PipelineStatus.OFF
