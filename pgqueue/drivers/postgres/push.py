"""A push as a value: checked and sealed before any SQL."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import msgspec

from pgqueue import durations
from pgqueue.backoff import Backoff
from pgqueue.config import Config
from pgqueue.drivers.postgres.statement import Statement, load
from pgqueue.durations import Duration
from pgqueue.envelope import Carrier, Envelope, seal
from pgqueue.errors import ConfigError, PayloadError, Rejected, UnsupportedOption
from pgqueue.payload import Codec, encode, is_sealed_shape
from pgqueue.policy import Policy
from pgqueue.queue import Queue, checked_name
from pgqueue.tracecontext import active

logger = logging.getLogger("pgqueue.push")

PUSH = load("push", int)
PUSH_SCHEDULED = load("push_scheduled", int)
PUSH_MANY = load("push_many", int)
PUSH_MANY_SCHEDULED = load("push_many_scheduled", int)
RING = load("ring", bool)


class PushOptions(TypedDict, total=False):
    """What a push may say about its job; where it is silent, the processor decides.

    `delay` (a timedelta, seconds, or "5m") or `run_at` (an aware datetime): not before then.
    `priority`: 0 is claimed first, 9 last, 5 by default. `attempts`: runs in all. `expires_in`:
    not started by then, it is dead. `carrier`: trace context, by default that of the caller's
    span; {} for none. `notify=False`: wake nobody, as PREPARE TRANSACTION needs it.
    """

    name: str | None
    delay: Duration | None
    run_at: datetime | None
    priority: int
    attempts: int | None
    backoff: Backoff | None
    timeout: Duration | None
    expires_in: Duration | None
    carrier: Carrier | None
    notify: bool


def parameters(queue: Queue[Any], options: PushOptions) -> dict[str, Any]:
    """Return a push's options as the statements' parameters; what is wrong is named."""
    if unknown := sorted(set(options) - set(PushOptions.__annotations__)):
        raise UnsupportedOption(
            f"push to {queue.name}: unknown option {', '.join(unknown)}; "
            f"known: {', '.join(sorted(PushOptions.__annotations__))}"
        )
    backoff = options.get("backoff")
    if backoff is not None and not isinstance(backoff, Backoff):
        raise ConfigError(
            f"push to {queue.name}: a function cannot be stored with the job; give fixed(), "
            "exponential() or listed(), or set it on the processor"
        )
    policy = Policy.of(
        attempts=options.get("attempts"), backoff=backoff, timeout=options.get("timeout")
    )
    name = options.get("name")
    return {
        "queue": queue.name,
        "name": None if name is None else checked_name(name, "job"),
        "priority": _priority(queue, options.get("priority", 5)),
        "max_attempts": policy.attempts,
        "backoff": None if backoff is None else msgspec.json.encode(backoff.to_json()).decode(),
        "timeout": policy.timeout,
        "expires_in": _duration(options.get("expires_in"), "expires_in"),
        "notify": options.get("notify", True),
    } | _time(queue, options)


def statement(parameters: Mapping[str, Any], *, many: bool) -> Statement[int]:
    """Choose where the job goes: to the runnable ones, or to those that wait."""
    if "delay" in parameters:
        return PUSH_MANY_SCHEDULED if many else PUSH_SCHEDULED
    return PUSH_MANY if many else PUSH


def sealed(queue: Queue[Any], payload: object, config: Config, carrier: Carrier | None) -> str:
    """Return the payload in its envelope as JSON text, or say why that cannot be."""
    if isinstance(payload, Envelope) or is_sealed_shape(payload):
        raise PayloadError(
            f"the payload for {queue.name} is already sealed; push the payload itself"
        )
    _check_type(queue, payload)
    text = encode(payload, max_bytes=config.payload_max_bytes, where=queue.name)
    if len(text) > config.payload_warn_bytes:
        logger.warning(
            "a payload for %s has %d bytes; keep payloads small and push a reference",
            queue.name,
            len(text),
        )
    return seal(text, active() if carrier is None else carrier).decode()


def all_sealed(
    queue: Queue[Any], payloads: Iterable[object], config: Config, carrier: Carrier | None
) -> list[str]:
    """Seal many payloads; one that cannot be sealed refuses them all."""
    context = active() if carrier is None else carrier
    return [sealed(queue, payload, config, context) for payload in payloads]


def _check_type(queue: Queue[Any], payload: object) -> None:
    """Refuse what the queue does not carry, as the type checkers do."""
    kind = queue.type
    if kind is Any or (isinstance(kind, type) and type(payload) is kind):
        return
    try:
        fits = isinstance(payload, kind)
    except TypeError:  # a TypedDict, a union, list[int]: only its decoder can tell
        try:
            Codec(kind).decode(encode(payload, max_bytes=2**31, where=queue.name))
        except Rejected as error:
            raise TypeError(f"queue {queue.name!r}: {error}") from None
        return
    if not fits:
        wanted, given = kind.__qualname__, type(payload).__qualname__
        raise TypeError(f"queue {queue.name!r} carries {wanted}, not {given}")


def _time(queue: Queue[Any], options: PushOptions) -> dict[str, Any]:
    delay, run_at = options.get("delay"), options.get("run_at")
    if delay is not None and run_at is not None:
        raise ConfigError(f"push to {queue.name}: give delay or run_at, not both")
    if run_at is not None:
        if run_at.tzinfo is None:
            raise ConfigError(f"push to {queue.name}: run_at has no time zone; give an aware one")
        if not 1970 <= run_at.astimezone(UTC).year < 9000:
            raise ConfigError(f"push to {queue.name}: run_at is {run_at}; give 1970 to 8999")
        return {"run_at": run_at, "delay": timedelta()}
    wait = _duration(delay, "delay")
    return {"run_at": None, "delay": wait} if wait else {}


def _duration(value: Duration | None, field: str) -> timedelta | None:
    return None if value is None else durations.parse(value, field=field)


def _priority(queue: Queue[Any], priority: int) -> int:
    if not isinstance(priority, int) or not 0 <= priority <= 9:
        raise ConfigError(f"push to {queue.name}: priority is {priority!r}; give 0 to 9")
    return priority
