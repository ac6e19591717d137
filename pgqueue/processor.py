"""`Processors`: the handlers of an application, inert until a worker includes them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol, TypedDict, TypeVar, Unpack, overload

from pgqueue.backoff import Delays
from pgqueue.durations import Duration
from pgqueue.errors import ConfigError, RegistrationError
from pgqueue.host import Handler, Host, Resolver, hosted
from pgqueue.job import Job
from pgqueue.payload import Codec
from pgqueue.policy import Policy
from pgqueue.queue import Queue, checked_name

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")
H = TypeVar("H", bound=Handler)

Address = tuple[str, str | None]
"""(queue, name); the name `None` catches what no other name of the queue takes."""


Condition = Callable[[Any], bool | Awaitable[bool]]
"""Asked with the decoded payload before a job runs; only an explicit False skips the job."""


def _unresolved() -> Handler:
    raise RegistrationError("the processor is not included in a worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """The registered handler of an address, with its policy."""

    label: str
    queue: str
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
    resolve: Callable[[], Handler] = field(default=_unresolved, repr=False)

    @property
    def address(self) -> Address:
        """Where its jobs are addressed to."""
        return (self.queue, self.name)

    @property
    def addresses(self) -> Sequence[Address]:
        """Its address, and those that it had under earlier names."""
        return [self.address, *((self.queue, alias) for alias in self.aliases)]


class Decorator(Protocol[T]):
    """What `process` returns: it registers a handler and gives it back unchanged."""

    @overload
    def __call__(self, handler: Callable[[Job[T]], R], /) -> Callable[[Job[T]], R]: ...
    @overload
    def __call__(self, handler: Callable[[T], R], /) -> Callable[[T], R]: ...
    @overload
    def __call__(self, handler: Callable[[S, Job[T]], R], /) -> Callable[[S, Job[T]], R]: ...
    @overload
    def __call__(self, handler: Callable[[S, T], R], /) -> Callable[[S, T], R]: ...


class Unchecked(Protocol):
    """What `process` returns for a queue's bare name, of which no payload type is known."""

    def __call__(self, handler: H, /) -> H:
        """Register a handler and give it back."""
        ...


class Options(TypedDict, total=False):
    """What `process` may be told about a handler; where it is silent, the settings decide."""

    name: str | None
    concurrency: int | None
    attempts: int | None
    retries: int | None
    backoff: Delays | None
    timeout: Duration | None
    condition: Condition | None
    transactional: bool
    aliases: Sequence[str]


class Processors:
    """A set of processors, usually one per feature module; making one does no I/O."""

    def __init__(self) -> None:
        self._processors: list[Processor] = []
        self._bound: dict[Host, object] = {}
        self._running = False

    def __iter__(self) -> typing.Iterator[Processor]:
        return iter(self._processors)

    @overload
    def process(self, queue: Queue[T], **options: Unpack[Options]) -> Decorator[T]: ...
    @overload
    def process(self, queue: str, **options: Unpack[Options]) -> Unchecked: ...
    def process(
        self, queue: Queue[T] | str, **options: Unpack[Options]
    ) -> Decorator[T] | Unchecked:
        """Register a handler for a queue's jobs, or only for those of one `name`.

        The handler takes the payload, or a `Job[T]`; `async def` runs on the event loop, a
        plain `def` on a thread. At most `concurrency` of its attempts run at once in one
        worker. `attempts` counts runs in all, `retries` those after the first. `aliases` are
        names that it had before. A `condition` that answers False completes a job unrun. With
        `transactional` the handler's writes on `job.connection()` commit with its completion.
        """
        lane: Queue[Any] = Queue(queue) if isinstance(queue, str) else queue
        declared = _declared(lane, options)

        def register(handler: Handler) -> Any:
            self._add(_processor(handler, lane, declared))
            return handler

        return register

    def bind(self, instance: object) -> None:
        """Give the object whose methods are handlers of this set."""
        hosts = {one.host for one in self._processors if one.host and one.host.hosts(instance)}
        if not hosts:
            raise RegistrationError(f"{type(instance).__qualname__} has no handler in this set")
        self._bound |= dict.fromkeys(hosts, instance)

    @property
    def bound(self) -> Mapping[Host, object]:
        """The objects that were given for class-based processors."""
        return MappingProxyType(self._bound)

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


def _declared(lane: Queue[Any], options: Options) -> dict[str, Any]:
    """Return what was said about a handler as fields of its Processor."""
    if unknown := sorted(set(options) - set(Options.__annotations__)):
        raise TypeError(f"process({lane.name!r}): unknown option {', '.join(unknown)}")
    concurrency, name = options.get("concurrency"), options.get("name")
    if concurrency is not None and concurrency < 1:
        raise ConfigError(f"concurrency is {concurrency}; give 1 or more")
    return {
        "queue": lane.name,
        "name": None if name is None else checked_name(name, "job"),
        "policy": Policy.of(
            attempts=options.get("attempts"),
            retries=options.get("retries"),
            backoff=options.get("backoff"),
            timeout=options.get("timeout"),
        ),
        "concurrency": concurrency,
        "condition": options.get("condition"),
        "transactional": options.get("transactional", False),
        "aliases": tuple(checked_name(one, "job") for one in options.get("aliases", ())),
    }


def _processor(handler: Handler, lane: Queue[Any], declared: dict[str, Any]) -> Processor:
    if not inspect.isroutine(handler):
        raise RegistrationError(f"{handler!r:.80} is no function; decorate one, or a method")
    host = Host.of(handler)
    takes_job, payload_type = _parameter(handler, lane, method=host is not None)
    return Processor(
        label=f"{handler.__module__}.{handler.__qualname__}",
        handler=handler,
        host=host,
        takes_job=takes_job,
        is_async=inspect.iscoroutinefunction(handler),
        codec=Codec(payload_type),
        **declared,
    )


def reachable(
    included: Iterable[Processors], resolver: Resolver | None = None
) -> Mapping[Address, Processor]:
    """Return the processors of the included sets by address, ready to be called.

    Two at one address are refused, and a method without its object.
    """
    found: dict[Address, Processor] = {}
    for processors in dict.fromkeys(included):
        for processor in processors:
            resolve = hosted(processor.handler, processor.host, processors.bound, resolver)
            for address in processor.addresses:
                if other := found.get(address):
                    raise RegistrationError(
                        f"two processors for {'/'.join(filter(None, address))}: {other.label} and "
                        f"{processor.label}; give one of them another queue or name, or leave it "
                        "out"
                    )
                found[address] = replace(processor, resolve=resolve)
    return MappingProxyType(found)


def _parameter(handler: Handler, lane: Queue[Any], *, method: bool) -> tuple[bool, Any]:
    """Return whether the handler takes a `Job`, and the payload type that it will be given."""
    label = f"{handler.__module__}.{handler.__qualname__}"
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise RegistrationError(f"{label} yields, so calling it runs nothing; a handler returns")
    parameters = list(inspect.signature(handler).parameters.values())[method:]
    try:
        inspect.Signature(parameters).bind(None)
    except TypeError as error:
        raise RegistrationError(
            f"{label} cannot be called with one argument ({error}); a handler takes the payload "
            "or a Job, and nothing else that has no default"
        ) from None
    annotation = _annotation(handler, parameters[0].name, label)
    takes_job = annotation is Job or typing.get_origin(annotation) is Job
    wanted = next(iter(typing.get_args(annotation)), Any) if takes_job else annotation
    if wanted is not Any and lane.type is not Any and wanted != lane.type:
        raise RegistrationError(
            f"{label} takes {_shown(wanted)}, but queue {lane.name!r} carries {_shown(lane.type)}"
        )
    return takes_job, lane.type if wanted is Any else wanted


def _annotation(handler: Handler, parameter: str, label: str) -> Any:
    try:
        return typing.get_type_hints(handler).get(parameter, Any)
    except NameError as error:
        raise RegistrationError(
            f"{label}: the annotation of {parameter!r} cannot be resolved ({error}); "
            "define or import the type at module level, before the handler"
        ) from None


def _shown(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else str(kind)
