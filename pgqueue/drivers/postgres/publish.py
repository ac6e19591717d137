"""Publishing on topics and dispatching events, in the transaction of any connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, Unpack, overload

from pgqueue.audience import Including, Told, tell, tell_blocking
from pgqueue.config import Config
from pgqueue.drivers.postgres.options import PushOptions
from pgqueue.drivers.postgres.order import Order, ordered
from pgqueue.drivers.postgres.placing import Async, Blocking, is_blocking
from pgqueue.pushed import Pushed
from pgqueue.topic import Topic, published

T = TypeVar("T")


class Publisher(Including, ABC):
    """The part of the driver that tells several at once."""

    config: Config

    @overload
    def publish(
        self,
        topic: Topic[T] | str,
        data: T,
        *,
        on: Async | None = None,
        **options: Unpack[PushOptions],
    ) -> Awaitable[Sequence[Pushed]]: ...
    @overload
    def publish(
        self, topic: Topic[T] | str, data: T, *, on: Blocking, **options: Unpack[PushOptions]
    ) -> Sequence[Pushed]: ...
    def publish(
        self,
        topic: Topic[T] | str,
        data: T,
        *,
        on: Blocking | Async | None = None,
        **options: Unpack[PushOptions],
    ) -> Sequence[Pushed] | Awaitable[Sequence[Pushed]]:
        """Push a copy to each subscriber's queue in the transaction of `on`; return the ids.

        While nobody has subscribed, the message waits on the plain queue of the topic's name. The
        options and the connection are those of `push`.
        """
        told = published(topic, options)
        known = self.audience.queues(told.name)
        named: PushOptions = {**options, "name": told.name}
        placed: Sequence[Pushed] | Awaitable[Sequence[Pushed]] = self._place(
            ordered(told.queue, [data], named, self.config, topic=told.name, known=known), on
        )
        return placed

    @overload
    def dispatch(
        self, event: object, *, on: Async | None = None
    ) -> Awaitable[Sequence[Pushed]]: ...
    @overload
    def dispatch(self, event: object, *, on: Blocking) -> Sequence[Pushed]: ...
    def dispatch(
        self, event: object, *, on: Blocking | Async | None = None
    ) -> Sequence[Pushed] | Awaitable[Sequence[Pushed]]:
        """Call an event's inline listeners, then publish it on its class's topic; return the ids.

        An error of an inline listener is raised here, and nothing is pushed. On a blocking
        connection they have to be plain functions; nothing is called when one is not.
        """
        inline, topic = self.audience.of_event(event)
        if on is not None and is_blocking(on):
            tell_blocking(inline, event)
            published: Any = self.publish(topic, event, on=on) if topic else []
            return published  # type: ignore[no-any-return]
        return self._dispatched(inline, event, topic, on)

    async def _dispatched(
        self, inline: Sequence[Told], event: object, topic: Topic[Any] | None, on: Any
    ) -> Sequence[Pushed]:
        await tell(inline, event)
        return await self.publish(topic, event, on=on) if topic else []

    @abstractmethod
    def _place(self, order: Order, on: Any) -> Any:
        """Push at once on a blocking connection, else return an awaitable that does."""
