"""`Processors`: the handlers of an application, inert until a worker includes them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar, Unpack, overload

from pgqueue.deadnames import dead_names
from pgqueue.declaration import (
    Condition,
    Decorator,
    Options,
    SubscriberOptions,
    Unchecked,
    declared,
    refuse_unknown,
)
from pgqueue.errors import RegistrationError
from pgqueue.host import Handler, Host, Resolver, hosted
from pgqueue.importable import check_place, check_reachable
from pgqueue.listener import InlineListener
from pgqueue.payload import Codec
from pgqueue.policy import Policy
from pgqueue.queue import DeadQueue, Queue, named
from pgqueue.signature import parameter
from pgqueue.topic import Topic, event_topic

T = TypeVar("T")

Address = tuple[str, str | None]
"""(queue, name); the name `None` catches what no other name of the queue takes."""


def _unresolved() -> Handler:
    raise RegistrationError("the processor is not included in a worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """The registered handler of an address, with its policy.

    `queue` is what the storage calls it, and with the `name` its `address`; the dead letters of a
    queue, `dead_of`, may be `known_as` something else. `dead_letter` is that name where it was
    declared, by either's processor.
    """

    label: str
    queue: str
    known_as: str
    name: str | None
    policy: Policy
    concurrency: int | None
    handler: Handler = field(repr=False)
    host: Host | None
    takes_job: bool
    is_async: bool
    codec: Codec[Any] = field(repr=False)
    condition: Condition | None = field(default=None, repr=False)
    transactional: bool = False
    aliases: tuple[str, ...] = ()
    topic: str | None = None
    dead_of: str | None = None
    dead_letter: str | None = None
    discards: bool = False
    apart: bool = False
    recycle: int | None = None
    resolve: Callable[[], Handler] = field(default=_unresolved, repr=False)
    address: Address = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", (self.queue, self.name))

    @property
    def addresses(self) -> Sequence[Address]:
        """Its address, and those that it had under earlier names."""
        return [self.address, *((self.queue, alias) for alias in self.aliases)]


class Processors:
    """A set of processors, usually one per feature module; making one does no I/O."""

    def __init__(self) -> None:
        self._processors: list[Processor] = []
        self._listeners: list[InlineListener] = []
        self._bound: dict[Host, object] = {}
        self._running = False

    def __iter__(self) -> typing.Iterator[Processor]:
        return iter(self._processors)

    @overload
    def process(
        self, queue: Queue[T] | DeadQueue[T], **options: Unpack[Options]
    ) -> Decorator[T]: ...
    @overload
    def process(self, queue: str, **options: Unpack[Options]) -> Unchecked: ...
    def process(
        self, queue: Queue[T] | DeadQueue[T] | str, **options: Unpack[Options]
    ) -> Decorator[T] | Unchecked:
        """Register a handler for a queue's jobs, or for its dead letters; of one `name`, or all.

        The handler takes the payload, or a `Job[T]`; `async def` runs on the event loop, a
        plain `def` on a thread, and with `run="process"` either in a process of its own, which is
        replaced after `recycle` jobs. At most `concurrency` of its attempts run at once in one
        worker. `attempts` counts runs in all, `retries` those after the first; `retry_until` is
        a time after the push. What is not of `retry_on`, or is of `fail_on`, is not retried.
        `aliases` are names that it had before. A `condition` that answers False completes a job
        unrun. With `transactional` the handler's writes on `job.connection()` commit with its
        completion. `dead_letter` names the address of the queue's dead letters.
        `dead_success="discard"` deletes a dead letter when its handler returns None, and has not
        redriven it.
        """
        lane: Queue[Any] | DeadQueue[Any] = named(queue) if isinstance(queue, str) else queue
        refuse_unknown(options, Options, f"process({lane.name!r})")
        name, dead_success = options.get("name"), options.get("dead_success")
        said = declared(lane, options, name=name, dead_success=dead_success)
        return self._registering(lane, said)

    @overload
    def subscribe(
        self, topic: Topic[T], *, queue: str, **options: Unpack[SubscriberOptions]
    ) -> Decorator[T]: ...
    @overload
    def subscribe(
        self, topic: str, *, queue: str, **options: Unpack[SubscriberOptions]
    ) -> Unchecked: ...
    def subscribe(
        self, topic: Topic[T] | str, *, queue: str, **options: Unpack[SubscriberOptions]
    ) -> Decorator[T] | Unchecked:
        """Register a handler for a topic's messages, of which `queue` receives its own copies.

        They are jobs like any other, of the topic's name: the options are those of `process`, and
        the replicas of a worker share them. Another subscriber needs another queue.
        """
        told: Topic[Any] = Topic(topic) if isinstance(topic, str) else topic
        refuse_unknown(options, SubscriberOptions, f"subscribe({told.name!r})")
        lane: Queue[Any] = Queue(queue, told.type)
        said = declared(lane, options, name=told.name)
        return self._registering(lane, said | {"topic": told.name})

    def listen(
        self, event: type[T], *, queue: str | None = None, **options: Unpack[SubscriberOptions]
    ) -> Decorator[T]:
        """Register a listener for the events of a class, which `dispatch` tells it.

        With a `queue` it is a subscriber of the topic that the class declares; without one it is
        called on the spot, in the processes whose producer includes this set.
        """
        if queue is not None:
            return self.subscribe(event_topic(event), queue=queue, **options)
        if options:
            raise TypeError(
                f"listen({event.__qualname__}): {', '.join(sorted(options))} needs a queue; an "
                "inline listener is called, and takes no options"
            )

        def register(handler: Handler) -> Any:
            self._listeners.append(InlineListener.of(handler, event))
            return handler

        return register

    def bind(self, instance: object) -> None:
        """Give the object whose methods are handlers of this set."""
        known = {one.host for one in self._processors} | {one.host for one in self._listeners}
        hosts = {host for host in known if host and host.hosts(instance)}
        if not hosts:
            raise RegistrationError(f"{type(instance).__qualname__} has no handler in this set")
        self._bound |= dict.fromkeys(hosts, instance)

    @property
    def bound(self) -> Mapping[Host, object]:
        """The objects that were given for class-based processors."""
        return MappingProxyType(self._bound)

    @property
    def listeners(self) -> Sequence[InlineListener]:
        """The listeners that are called when an event is dispatched."""
        return tuple(self._listeners)

    def _registering(
        self, lane: Queue[Any] | DeadQueue[Any], said: dict[str, Any]
    ) -> Callable[[Handler], Any]:
        def register(handler: Handler) -> Any:
            self._add(_processor(handler, lane, said))
            return handler

        return register

    def _add(self, processor: Processor) -> None:
        if self._running:
            raise RegistrationError(
                f"{processor.label} was added after a worker had started with its processors; "
                "import its module before the worker runs"
            )
        self._processors.append(processor)

    def close(self) -> None:
        """Refuse later additions: a worker has taken its snapshot."""
        self._running = True


def _processor(
    handler: Handler, lane: Queue[Any] | DeadQueue[Any], said: dict[str, Any]
) -> Processor:
    if not inspect.isroutine(handler):
        raise RegistrationError(f"{handler!r:.80} is no function; decorate one, or a method")
    if said["apart"]:
        check_place(handler)
    host = Host.of(handler)
    topic = said["topic"]
    by = f"topic {topic!r}" if topic else f"queue {lane.name!r}"
    raw = isinstance(lane, DeadQueue)
    takes_job, payload_type = parameter(handler, lane.type, by, method=host is not None, raw=raw)
    return Processor(
        label=f"{handler.__module__}.{handler.__qualname__}",
        handler=handler,
        host=host,
        takes_job=takes_job,
        is_async=inspect.iscoroutinefunction(handler),
        codec=Codec(payload_type),
        **said,
    )


def reachable(
    included: Iterable[Processors], resolver: Resolver | None = None
) -> Mapping[Address, Processor]:
    """Return the processors of the included sets by address, ready to be called.

    Two at one address are refused, a method without its object, and two names for the dead
    letters of one queue.
    """
    found: dict[Address, Processor] = {}
    sets = dict.fromkeys(included)
    known_as = dead_names([one for processors in sets for one in processors])
    for processors in sets:
        for processor in processors:
            if processor.apart:
                check_reachable(processor.handler)
            resolve = hosted(processor.handler, processor.host, processors.bound, resolver)
            for address in processor.addresses:
                if other := found.get(address):
                    raise RegistrationError(
                        f"two processors for {'/'.join(filter(None, address))}: {other.label} and "
                        f"{processor.label}; give one of them another queue or name, or leave it "
                        "out"
                    )
                name = known_as.get(processor.queue, processor.queue)
                found[address] = replace(processor, resolve=resolve, known_as=name)
    return MappingProxyType(found)
