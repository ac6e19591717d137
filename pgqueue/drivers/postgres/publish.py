"""Publishing on topics and dispatching events, in the transaction of any psycopg connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, Unpack, overload

import psycopg

from pgqueue.audience import Including, Told, tell, tell_blocking
from pgqueue.config import Config
from pgqueue.drivers.postgres import push
from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.push import PushOptions
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.topic import Topic, refuse_name

T = TypeVar("T")
R = TypeVar("R")

Blocking = psycopg.Connection[Any]
Async = psycopg.AsyncConnection[Any]

PUBLISH = load("publish", int)
PUBLISH_SCHEDULED = load("publish_scheduled", int)


class Publisher(Including, ABC):
    """The part of the driver that tells several at once."""

    config: Config

    @overload
    def publish(
        self, topic: Topic[T] | str, data: T, *, on: Blocking, **options: Unpack[PushOptions]
    ) -> list[int]: ...
    @overload
    def publish(
        self,
        topic: Topic[T] | str,
        data: T,
        *,
        on: Async | None = None,
        **options: Unpack[PushOptions],
    ) -> Awaitable[list[int]]: ...
    def publish(
        self,
        topic: Topic[T] | str,
        data: T,
        *,
        on: Blocking | Async | None = None,
        **options: Unpack[PushOptions],
    ) -> list[int] | Awaitable[list[int]]:
        """Push a copy to each subscriber's queue in the transaction of `on`; return the ids.

        While nobody has subscribed, the message waits on the plain queue of the topic's name. The
        options and the connection are those of `push`.
        """
        told: Topic[Any] = Topic(topic) if isinstance(topic, str) else topic
        parameters = self._parameters(told, data, options)
        scheduled = "delay" in parameters
        statement = (PUBLISH_SCHEDULED if scheduled else PUBLISH).within(self.config.schema)
        if isinstance(on, psycopg.Connection):
            with translated():
                return run(on, statement, parameters)

        async def published(conn: Async) -> list[int]:
            return await run(conn, statement, parameters)

        return self._on(on, published)

    @overload
    def dispatch(self, event: object, *, on: Blocking) -> list[int]: ...
    @overload
    def dispatch(self, event: object, *, on: Async | None = None) -> Awaitable[list[int]]: ...
    def dispatch(
        self, event: object, *, on: Blocking | Async | None = None
    ) -> list[int] | Awaitable[list[int]]:
        """Call an event's inline listeners, then publish it on its class's topic; return the ids.

        An error of an inline listener is raised here, and nothing is pushed. On a blocking
        connection they have to be plain functions; nothing is called when one is not.
        """
        inline, topic = self.audience.of_event(event)
        if isinstance(on, psycopg.Connection):
            tell_blocking(inline, event)
            return self.publish(topic, event, on=on) if topic else []
        return self._dispatched(inline, event, topic, on)

    async def _dispatched(
        self, inline: Sequence[Told], event: object, topic: Topic[Any] | None, on: Async | None
    ) -> list[int]:
        await tell(inline, event)
        return await self.publish(topic, event, on=on) if topic else []

    def _parameters(self, topic: Topic[Any], data: object, options: PushOptions) -> dict[str, Any]:
        refuse_name(topic, options)
        lane = topic.queue
        return push.parameters(lane, options) | {
            "topic": topic.name,
            "known": self.audience.queues(topic.name),
            "envelope": push.sealed(lane, data, self.config, options.get("carrier")),
        }

    @abstractmethod
    async def _on(self, conn: Async | None, work: Callable[[Async], Awaitable[R]]) -> R:
        """Do work on a connection, or on one of the driver's own."""
