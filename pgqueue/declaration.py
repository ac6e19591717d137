"""What may be said where a handler is registered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypedDict, TypeVar, overload

from pgqueue.backoff import Delays
from pgqueue.durations import Duration
from pgqueue.errors import ConfigError
from pgqueue.host import Handler
from pgqueue.job import Job
from pgqueue.policy import Policy
from pgqueue.queue import Queue, checked_name

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")
H = TypeVar("H", bound=Handler)

Condition = Callable[[Any], bool | Awaitable[bool]]
"""Asked with the decoded payload before a job runs; only an explicit False skips the job."""


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


class SubscriberOptions(TypedDict, total=False):
    """What may be said about a handler; where it is silent, the settings decide."""

    concurrency: int | None
    attempts: int | None
    retries: int | None
    backoff: Delays | None
    timeout: Duration | None
    condition: Condition | None
    transactional: bool
    aliases: Sequence[str]


class Options(SubscriberOptions, total=False):
    """What `process` may be told besides: a subscriber's jobs have the topic's name."""

    name: str | None


def refuse_unknown(options: Mapping[str, Any], known: type[Any], where: str) -> None:
    """Raise TypeError for an option that is not in a TypedDict."""
    if unknown := sorted(set(options) - set(known.__annotations__)):
        raise TypeError(f"{where}: unknown option {', '.join(unknown)}")


def declared(lane: Queue[Any], options: Options) -> dict[str, Any]:
    """Return what was said about a handler as fields of its Processor."""
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
        "topic": None,
        "aliases": _names(options.get("aliases", ())),
    }


def _names(aliases: Sequence[str]) -> tuple[str, ...]:
    if isinstance(aliases, str):
        raise TypeError(f"aliases is the text {aliases!r:.60}; give a list of names")
    return tuple(checked_name(one, "job") for one in aliases)
