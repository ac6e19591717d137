"""`Postgres`: the durable driver. It pushes on any psycopg connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar, Unpack, overload

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres import push
from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.letters import Letters
from pgqueue.drivers.postgres.pools import Pool
from pgqueue.drivers.postgres.publish import Publisher
from pgqueue.drivers.postgres.push import PushOptions
from pgqueue.drivers.postgres.source import Source
from pgqueue.drivers.postgres.statement import run
from pgqueue.drivers.postgres.stats import Stats, stats
from pgqueue.drivers.postgres.talk import hold, hold_async
from pgqueue.plain import Json
from pgqueue.producer import lane
from pgqueue.queue import Queue

T = TypeVar("T")
R = TypeVar("R")

Blocking = psycopg.Connection[Any]
Async = psycopg.AsyncConnection[Any]


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
        self, queue: Queue[T] | str, payload: T, *, on: Blocking, **options: Unpack[PushOptions]
    ) -> int: ...
    @overload
    def push(
        self,
        queue: Queue[T] | str,
        payload: T,
        *,
        on: Async | None = None,
        **options: Unpack[PushOptions],
    ) -> Awaitable[int]: ...
    def push(
        self,
        queue: Queue[T] | str,
        payload: T,
        *,
        on: Blocking | Async | None = None,
        **options: Unpack[PushOptions],
    ) -> int | Awaitable[int]:
        """Push one job in the transaction of `on`, and return its id.

        A blocking connection returns the id, an async one an awaitable of it; without `on` the
        driver's own pool is used, and the job is committed. Nothing is sent to the database
        when the payload or an option is refused (`PayloadError`, `ConfigError`, `TypeError`).
        """
        to = lane(queue, self.config)
        parameters = push.parameters(to, options)
        statement = push.statement(parameters, many=False).within(self.config.schema)
        parameters["envelope"] = push.sealed(to, payload, self.config, options.get("carrier"))
        if isinstance(on, psycopg.Connection):
            with translated():
                return run(on, statement, parameters)[0]

        async def pushed(conn: Async) -> int:
            return (await run(conn, statement, parameters))[0]

        return self._on(on, pushed)

    @overload
    def push_many(
        self,
        queue: Queue[T] | str,
        payloads: Iterable[T],
        *,
        on: Blocking,
        **options: Unpack[PushOptions],
    ) -> list[int]: ...
    @overload
    def push_many(
        self,
        queue: Queue[T] | str,
        payloads: Iterable[T],
        *,
        on: Async | None = None,
        **options: Unpack[PushOptions],
    ) -> Awaitable[list[int]]: ...
    def push_many(
        self,
        queue: Queue[T] | str,
        payloads: Iterable[T],
        *,
        on: Blocking | Async | None = None,
        **options: Unpack[PushOptions],
    ) -> list[int] | Awaitable[list[int]]:
        """Push a job for each payload in one statement; return the ids in the same order.

        All of them share the options. A payload that is refused refuses them all.
        """
        to = lane(queue, self.config)
        parameters = push.parameters(to, options)
        statement = push.statement(parameters, many=True).within(self.config.schema)
        carrier = options.get("carrier")
        parameters["envelopes"] = push.all_sealed(to, payloads, self.config, carrier)
        rings = parameters["notify"] and parameters["envelopes"]
        if isinstance(on, psycopg.Connection):
            with translated():
                ids = run(on, statement, parameters)
                if rings:
                    run(on, push.RING.within(self.config.schema), {"queue": to.name})
                return ids

        async def pushed(conn: Async) -> list[int]:
            ids = await run(conn, statement, parameters)
            if rings:
                await run(conn, push.RING.within(self.config.schema), {"queue": to.name})
            return ids

        return self._on(on, pushed)

    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> int:
        """Push a JSON value as one job, as every driver can; `on` and the options of `push`."""
        pushed: Any = self.push(queue, payload, **options)
        return int(pushed if isinstance(pushed, int) else await pushed)

    @property
    def dead(self) -> Letters:
        """The dead letters, as tools see them: listed, counted, redriven, discarded."""
        return Letters(self._on, self.config.schema)

    @overload
    def stats(self, *, on: Blocking) -> Stats: ...
    @overload
    def stats(self, *, on: Async | None = None) -> Awaitable[Stats]: ...
    def stats(self, *, on: Blocking | Async | None = None) -> Stats | Awaitable[Stats]:
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

    async def _on(self, conn: Async | None, work: Callable[[Async], Awaitable[R]]) -> R:
        with translated():
            if conn is not None:
                return await work(conn)
            async with self._pool.connection() as own:
                return await work(own)

    def _new_pool(self) -> Pool:
        return Pool(self.config, "pgqueue:push", self.config.pool_size)
