"""What may be said where a handler is registered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict, TypeVar, overload

from pgqueue.backoff import Delays
from pgqueue.durations import Duration
from pgqueue.errors import ConfigError, RegistrationError
from pgqueue.host import Handler
from pgqueue.job import Job
from pgqueue.policy import Errors, Policy
from pgqueue.queue import DeadQueue, Queue, checked_name, dead_letter_name

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")
H = TypeVar("H", bound=Handler)

Place = Literal["process"]
"""Where a handler runs, if not on the event loop or a thread."""

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
    retry_on: Errors | None
    fail_on: Errors | None
    retry_until: Duration | None
    condition: Condition | None
    transactional: bool
    aliases: Sequence[str]
    dead_letter: str | None
    run: Place | None
    recycle: int | None


class Options(SubscriberOptions, total=False):
    """What `process` may be told besides: a subscriber's jobs have the topic's name.

    `dead_success` is for processors of dead letters: what becomes of one that was handled.
    """

    name: str | None
    dead_success: Literal["keep", "discard"]


def refuse_unknown(options: Mapping[str, Any], known: type[Any], where: str) -> None:
    """Raise TypeError for an option that is not in a TypedDict."""
    if unknown := sorted(set(options) - set(known.__annotations__)):
        raise TypeError(f"{where}: unknown option {', '.join(unknown)}")


def declared(
    lane: Queue[Any] | DeadQueue[Any],
    options: SubscriberOptions,
    *,
    name: str | None,
    dead_success: str | None = None,
) -> dict[str, Any]:
    """Return what was said about a handler as fields of its Processor."""
    concurrency = options.get("concurrency")
    if concurrency is not None and concurrency < 1:
        raise ConfigError(f"concurrency is {concurrency}; give 1 or more")
    return {
        **_of_its_kind(lane, options, dead_success),
        "known_as": lane.name,
        "name": None if name is None else checked_name(name, "job"),
        "policy": Policy.of(
            attempts=options.get("attempts"),
            retries=options.get("retries"),
            backoff=options.get("backoff"),
            timeout=options.get("timeout"),
            retry_on=options.get("retry_on"),
            fail_on=options.get("fail_on"),
            retry_until=options.get("retry_until"),
        ),
        "concurrency": concurrency,
        "condition": options.get("condition"),
        "transactional": options.get("transactional", False),
        "topic": None,
        **_place(options),
        "aliases": _names(options.get("aliases", ())),
    }


def _place(options: SubscriberOptions) -> dict[str, Any]:
    run, recycle = options.get("run"), options.get("recycle")
    if run not in (None, "process"):
        raise ConfigError(f'run is {run!r:.40}; give "process", or leave it out')
    if recycle is not None and (run is None or not isinstance(recycle, int) or recycle < 1):
        raise ConfigError(
            f'recycle is {recycle!r:.40}; with run="process" give after how many jobs a process is '
            "replaced, 1 or more"
        )
    if run and options.get("transactional"):
        raise ConfigError(
            'transactional and run="process" exclude each other: the worker\'s transaction cannot '
            "leave its process"
        )
    return {"apart": run == "process", "recycle": recycle}


def _of_its_kind(
    lane: Queue[Any] | DeadQueue[Any], options: SubscriberOptions, dead_success: str | None
) -> dict[str, Any]:
    if isinstance(lane, DeadQueue):
        return _of_dead(lane, options, dead_success or "keep")
    if dead_success is not None:
        raise ConfigError(
            f"process({lane.name!r}): dead_success is for processors of dead letters; "
            "give it to the one on the queue's dead address"
        )
    said, name = options.get("dead_letter"), lane.dead_letter
    if said is not None:
        said = dead_letter_name(lane.name, said)
        if name not in (None, said):
            raise RegistrationError(
                f"process({lane.name!r}): dead_letter is {said}, but the queue's own is {name}; "
                "declare it once, with the queue"
            )
    return {"queue": lane.name, "dead_letter": said or name}


def _of_dead(lane: DeadQueue[Any], options: SubscriberOptions, success: str) -> dict[str, Any]:
    """A letter that its processor fails on is parked: it has no dead letters of its own."""
    where = f"process({lane.name!r})"
    if success not in ("keep", "discard"):
        raise ConfigError(f"{where}: dead_success is {success!r:.40}; give keep or discard")
    if options.get("dead_letter") is not None:
        raise ConfigError(f"{where}: dead letters have no dead letters; leave out dead_letter")
    if options.get("retry_until") is not None:
        raise ConfigError(
            f"{where}: retry_until counts from the push, long before a death; give attempts"
        )
    discards = success == "discard"
    if discards and options.get("transactional"):
        raise ConfigError(
            f"{where}: a transactional processor's letter is handled by its transaction; "
            "leave out transactional or dead_success"
        )
    named = lane.name if lane.name != lane.address else None
    return {
        "queue": lane.address,
        "dead_of": lane.queue,
        "dead_letter": named,
        "discards": discards,
    }


def _names(aliases: Sequence[str]) -> tuple[str, ...]:
    if isinstance(aliases, str):
        raise TypeError(f"aliases is the text {aliases!r:.60}; give a list of names")
    return tuple(checked_name(one, "job") for one in aliases)
