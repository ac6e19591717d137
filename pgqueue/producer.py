"""`Producer`: typed pushes for every driver, built on the one method that a driver has to have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Self, TypeVar

from pgqueue.audience import Including, tell
from pgqueue.config import Config
from pgqueue.envelope import Envelope
from pgqueue.errors import PayloadError, Rejected
from pgqueue.payload import Codec, encode, encode_many, plain
from pgqueue.plain import Json
from pgqueue.queue import Queue, refuse_address
from pgqueue.sealing import refuse_sealed, wrap, wrap_many
from pgqueue.topic import Topic, published

T = TypeVar("T")


class Producer(Including, ABC):
    """Gives a class that has `push_json` typed pushes, topics and events.

    Which options there are, and what a push returns, is the driver's own business.
    """

    # The defaults, for a class that has nothing to set.
    config = Config()

    @property
    def queue(self) -> Queue[Any]:
        """The queue of pushes that name none."""
        return Queue(self.config.default_queue)

    @abstractmethod
    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> Any:
        """Push a JSON value as one job; the only method that a driver has to have."""

    async def push(self, queue: Queue[T] | str, payload: T, **options: Any) -> Any:
        """Push one job; TypeError for what the queue does not carry."""
        queue = lane(queue, self.config)
        value = plain(checked(queue, payload), where=queue.name)
        return await self.push_json(queue.name, value, **options)

    async def push_many(
        self, queue: Queue[T] | str, payloads: Iterable[T], **options: Any
    ) -> list[Any]:
        """Push a job for each payload, in their order; all of them share the options.

        A payload that cannot be pushed refuses them all.
        """
        queue = lane(queue, self.config)
        values = [plain(checked(queue, one), where=queue.name) for one in payloads]
        return [await self.push_json(queue.name, value, **options) for value in values]

    async def publish(self, topic: Topic[T] | str, data: T, **options: Any) -> list[Any]:
        """Push a copy to the queue of each subscriber that was included in this process.

        While there is none, the message goes to the plain queue of the topic's name. The copies'
        jobs have that name, so the driver has to have the option `name`.
        """
        told = published(topic, options)
        queues = self.audience.queues(told.name) or [told.name]
        return [
            await self.push(Queue(one, told.type), data, name=told.name, **options)
            for one in queues
        ]

    async def dispatch(self, event: object) -> list[Any]:
        """Call an event's inline listeners, then publish it on its class's topic.

        An error of an inline listener is raised here, and nothing is pushed.
        """
        inline, topic = self.audience.of_event(event)
        await tell(inline, event)
        return await self.publish(topic, event) if topic else []

    async def close(self) -> None:
        """Let go of what the driver has opened, if anything."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def lane(queue: Queue[T] | str, config: Config) -> Queue[T]:
    """Return the queue, of a bare name one that carries any JSON value, if it may be pushed to."""
    found = _untyped(queue) if isinstance(queue, str) else queue
    if not isinstance(found, Queue):
        refuse_address(found)
    config.refuse_undeclared(found.name)
    return found


@lru_cache(maxsize=1024, typed=True)
def _untyped(name: str) -> Queue[Any]:
    return Queue(name)


def sealed(queue: Queue[Any], payload: object, config: Config, end: bytes) -> bytes:
    """Return a payload in its envelope as JSON text, or say why that cannot be.

    The envelope's `end` is its trace context, as `sealing.closing` gives it.
    """
    name = queue.name
    text = encode(checked(queue, payload), max_bytes=config.payload_max_bytes, where=name)
    return wrap(name, text, config, end)


def sealed_many(
    queue: Queue[Any], payloads: Sequence[object], config: Config, end: bytes
) -> list[bytes]:
    """Do the same with many, in half of the time."""
    name, most = queue.name, config.payload_max_bytes
    texts = encode_many(checked_many(queue, payloads), max_bytes=most, where=name)
    return wrap_many(name, texts, config, end)


def checked_many(queue: Queue[Any], payloads: Sequence[Any]) -> Sequence[Any]:
    """Return payloads that their queue carries, as `checked` does each of them."""
    dicts = queue.type in (Any, dict) and set(map(type, payloads)) == {dict}
    if dicts and not any("payload" in one for one in payloads):
        return payloads
    return [checked(queue, one) for one in payloads]


def checked(queue: Queue[Any], payload: object) -> object:
    """Return a payload that its queue carries; refuse others, as the type checkers do."""
    if isinstance(payload, Envelope):
        raise PayloadError(
            f"the payload for {queue.name} is already sealed; push the payload itself"
        )
    refuse_sealed(queue.name, payload)
    kind = queue.type
    if kind is Any or (isinstance(kind, type) and type(payload) is kind):
        return payload
    try:
        fits = isinstance(payload, kind)
    except TypeError:  # a TypedDict, a union, list[int]: only its decoder can tell
        try:
            Codec(kind).decode(encode(payload, max_bytes=2**31, where=queue.name))
        except Rejected as error:
            raise TypeError(f"queue {queue.name!r}: {error}") from None
        return payload
    if not fits:
        wanted, given = kind.__qualname__, type(payload).__qualname__
        raise TypeError(f"queue {queue.name!r} carries {wanted}, not {given}")
    return payload
