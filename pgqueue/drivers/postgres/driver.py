"""`Postgres`: the durable driver. It pushes on any psycopg connection."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeVar, Unpack, overload

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres.blocking import BlockingPushes
from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.letters import Letters
from pgqueue.drivers.postgres.options import PushManyOptions, PushOptions
from pgqueue.drivers.postgres.order import Order, ordered
from pgqueue.drivers.postgres.placing import (
    Async,
    Blocking,
    batch_of,
    is_blocking,
    lent,
    lent_async,
    place,
    place_async,
    place_brief,
)
from pgqueue.drivers.postgres.pools import Pool
from pgqueue.drivers.postgres.publish import Publisher
from pgqueue.drivers.postgres.source import Source
from pgqueue.drivers.postgres.stats import stats
from pgqueue.drivers.postgres.streaming import (
    Progress,
    batches,
    batches_async,
    stream,
    stream_async,
)
from pgqueue.drivers.postgres.talk import hold, hold_async
from pgqueue.plain import Json
from pgqueue.producer import lane
from pgqueue.pushed import Ids, Pushed
from pgqueue.queue import Queue
from pgqueue.stats import Stats

T = TypeVar("T")
R = TypeVar("R")

Connection = psycopg.AsyncConnection[Any]


class Postgres(Publisher):
    """Jobs in PostgreSQL: pushed in the caller's transaction, durable once that commits.

    Making one does no I/O. Settings are those of `Config`, as keywords or `PGQUEUE_…`.
    """

    def __init__(self, dsn: str | None = None, **settings: Any) -> None:
        pinned: dict[str, Any] = settings if dsn is None else settings | {"dsn": dsn}
        self.config = Config.load(**pinned)
        self._pool = self._new_pool()

    @property
    def queue(self) -> Queue[Any]:
        """The queue of pushes that name none."""
        return Queue(self.config.default_queue)

    def __repr__(self) -> str:
        return f"Postgres({self.config.endpoint()})"

    @overload
    def push(
        self,
        queue: Queue[T] | str,
        payload: T,
        *,
        on: Async | None = None,
        **options: Unpack[PushOptions],
    ) -> Awaitable[Pushed]: ...
    @overload
    def push(
        self, queue: Queue[T] | str, payload: T, *, on: Blocking, **options: Unpack[PushOptions]
    ) -> Pushed: ...
    def push(
        self,
        queue: Queue[T] | str,
        payload: T,
        *,
        on: Blocking | Async | None = None,
        **options: Unpack[PushOptions],
    ) -> Pushed | Awaitable[Pushed]:
        """Push one job in the transaction of `on`, and return its id.

        `on` is a connection of psycopg, SQLAlchemy, asyncpg or Django, or a pool. A blocking one
        returns the id, an async one an awaitable of it; without `on` the driver's own pool is
        used, and the job is committed. Nothing is sent to the database when the payload or an
        option is refused (`PayloadError`, `ConfigError`, `TypeError`).
        """
        to = lane(queue, self.config)
        # What most pushes are, and a sixth cheaper without an order to place.
        if not options and isinstance(on, psycopg.Connection):
            return place_brief(on, to, payload, self.config)
        order = ordered(to, [payload], options, self.config)
        pushed: Any = self._place(order, on)
        return pushed[0] if isinstance(pushed, Sequence) else _first(pushed)

    @overload
    def push_many(
        self,
        queue: Queue[T] | str,
        payloads: Iterable[T] | AsyncIterable[T],
        *,
        on: Async | None = None,
        progress: Progress | None = None,
        **options: Unpack[PushManyOptions],
    ) -> Awaitable[Ids]: ...
    @overload
    def push_many(
        self,
        queue: Queue[T] | str,
        payloads: Iterable[T],
        *,
        on: Blocking,
        progress: Progress | None = None,
        **options: Unpack[PushManyOptions],
    ) -> Ids: ...
    def push_many(
        self,
        queue: Queue[T] | str,
        payloads: Iterable[T] | AsyncIterable[T],
        *,
        on: Blocking | Async | None = None,
        progress: Progress | None = None,
        **options: Unpack[PushManyOptions],
    ) -> Ids | Awaitable[Ids]:
        """Push a job for each payload; return the ids in the same order.

        All of them share the options, and are pushed in batches, however many there are: all of
        them or none. A payload that is refused refuses them all. `progress` is told after each
        batch how many were pushed.
        """
        to, config = lane(queue, self.config), self.config
        size = batch_of(self._pool if on is None else on)
        if on is not None and is_blocking(on):
            if not isinstance(payloads, Iterable):
                raise TypeError("push_many: an async iterable needs an async connection")
            cut = batches(payloads, size)
            orders = (
                part
                for some in cut
                for part in ordered(to, some, options, config, many=True).parts()
            )
            return stream(on, orders, config.schema, progress)
        later = batches_async(payloads, size)
        coming = (
            part
            async for some in later
            for part in ordered(to, some, options, config, many=True).parts()
        )
        return stream_async(self._pool if on is None else on, coming, config.schema, progress)

    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> int:
        """Push a JSON value as one job, as every driver can; `on` and the options of `push`."""
        pushed: Any = self.push(queue, payload, **options)
        return int(pushed if isinstance(pushed, int) else await pushed)

    @cached_property
    def blocking(self) -> BlockingPushes:
        """The same pushes for code that cannot await, on a pool of its own."""
        return BlockingPushes(self)

    @property
    def dead(self) -> Letters:
        """The dead letters, as tools see them: listed, counted, redriven, discarded."""
        return Letters(self._on, self.config.schema)

    @overload
    def stats(self, *, on: psycopg.Connection[Any]) -> Stats: ...
    @overload
    def stats(self, *, on: psycopg.AsyncConnection[Any] | None = None) -> Awaitable[Stats]: ...
    def stats(
        self, *, on: psycopg.Connection[Any] | psycopg.AsyncConnection[Any] | None = None
    ) -> Stats | Awaitable[Stats]:
        """Count the live jobs by queue and state, and the dead letters by queue and reason."""
        if isinstance(on, psycopg.Connection):
            return hold(on, stats(), self.config.schema)
        return hold_async(lambda work: self._on(on, work), stats(), self.config.schema)

    def source(self, queues: Sequence[str], worker: str) -> Source:
        """Make the jobs' face for one worker, which serves `queues`."""
        return Source(self.config, queues, worker)

    async def close(self) -> None:
        """Close the driver's own pool, if a push without `on` opened it."""
        pool, self._pool = self._pool, self._new_pool()
        await pool.close()

    async def __aenter__(self) -> Postgres:
        """Give the driver back; its pool opens at the first push without `on`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _on(self, conn: Connection | None, work: Callable[[Connection], Awaitable[R]]) -> R:
        with translated():
            if conn is not None:
                return await work(conn)
            async with self._pool.connection() as own:
                return await work(own)

    def _place(self, order: Order, on: Any) -> Any:
        """Push at once on a blocking connection, else return an awaitable that does."""
        schema = self.config.schema
        if isinstance(on, psycopg.Connection):  # the short ways: nothing to lend
            return place(on, order, schema)
        if isinstance(on, psycopg.AsyncConnection):
            return place_async(on, order, schema)
        if on is not None and is_blocking(on):
            with lent(on) as conn:
                return place(conn, order, schema)

        async def placed() -> Sequence[Pushed]:
            async with lent_async(self._pool if on is None else on) as conn:
                return await place_async(conn, order, schema)

        return placed()

    def _new_pool(self) -> Pool:
        return Pool(self.config, "pgqueue:push", self.config.pool_size)


async def _first(pushed: Awaitable[Sequence[Pushed]]) -> Pushed:
    return (await pushed)[0]
