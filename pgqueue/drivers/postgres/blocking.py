"""The pushes of `Postgres` for code that cannot await."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar, Unpack

from pgqueue.config import Config
from pgqueue.drivers.postgres.options import PushManyOptions, PushOptions
from pgqueue.drivers.postgres.pools import ThreadPool
from pgqueue.drivers.postgres.streaming import Progress
from pgqueue.pushed import Ids, Pushed
from pgqueue.queue import Queue
from pgqueue.topic import Topic

T = TypeVar("T")


class Pushing(Protocol):
    """The driver, as far as it pushes on any connection."""

    config: Config

    @property
    def push(self) -> Any:
        """Push one job."""
        ...

    @property
    def push_many(self) -> Any:
        """Push many."""
        ...

    @property
    def publish(self) -> Any:
        """Push to a topic's subscribers."""
        ...

    @property
    def dispatch(self) -> Any:
        """Push an event to its listeners."""
        ...


class BlockingPushes:
    """Pushes that are committed when they return; the pool opens at the first one."""

    def __init__(self, driver: Pushing) -> None:
        self._driver = driver
        self._pool = ThreadPool(driver.config, "pgqueue:push", driver.config.pool_size)

    def push(self, queue: Queue[T] | str, payload: T, **options: Unpack[PushOptions]) -> Pushed:
        """Push one job, and return its id."""
        pushed: Pushed = self._driver.push(queue, payload, on=self._pool, **options)
        return pushed

    def push_many(
        self,
        queue: Queue[T] | str,
        payloads: Iterable[T],
        *,
        progress: Progress | None = None,
        **options: Unpack[PushManyOptions],
    ) -> Ids:
        """Push a job for each payload, all or none; return the ids in the same order."""
        ids: Ids = self._driver.push_many(
            queue, payloads, on=self._pool, progress=progress, **options
        )
        return ids

    def publish(
        self, topic: Topic[T] | str, data: T, **options: Unpack[PushOptions]
    ) -> Sequence[Pushed]:
        """Push a copy to each subscriber's queue; return the ids."""
        ids: Sequence[Pushed] = self._driver.publish(topic, data, on=self._pool, **options)
        return ids

    def dispatch(self, event: object) -> Sequence[Pushed]:
        """Call an event's inline listeners, which are plain functions, then publish it."""
        ids: Sequence[Pushed] = self._driver.dispatch(event, on=self._pool)
        return ids

    def close(self) -> None:
        """Close the pool; a push after that finds none."""
        self._pool.close(timeout=1)

    def __enter__(self) -> BlockingPushes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
