"""One delivery that is being run, and the policy that governs it."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, Literal

import msgspec

from pgqueue.backoff import Backoff
from pgqueue.errors import ConfigError, Rejected
from pgqueue.events import AttemptEnded, AttemptStarted
from pgqueue.outcome import Dead, Failure, Outcome, Reason, Release
from pgqueue.policy import Limits, Policy
from pgqueue.processor import Address, Processor
from pgqueue.seam import Delivery, Lease

# A job that no processor of this worker wants waits, longer and longer: another worker, or the
# next deployment, may know its name.
_FIRST_WAIT = 5.0
_LONGEST_WAIT = 600.0
_GIVEN_UP_AFTER = 86_400.0

# An event costs a tenth of an attempt that does nothing, and few handlers ask for it: from a
# thread of theirs, perhaps, while the loop sets it.
_ASKING = threading.Lock()

Interruption = Literal["timeout", "lost", "shutdown"]


@dataclass(slots=True, eq=False)
class Attempt:
    """A delivery on its way to an outcome."""

    delivery: Delivery
    processor: Processor | None
    begun: float = field(default_factory=monotonic)
    leased_at: float = field(default_factory=monotonic)
    interruption: Interruption | None = None
    ending: bool = False
    completed: bool = False
    abandoned: bool = False
    task: asyncio.Task[None] | None = None
    answer: Any = None
    _warned: bool = False
    _stopping: threading.Event | None = None

    @property
    def stopping(self) -> threading.Event:
        """Set once the handler should come to an end; made for a handler that asks."""
        with _ASKING:
            if self._stopping is None:
                self._stopping = threading.Event()
                if self._warned:
                    self._stopping.set()
            return self._stopping

    def warn(self) -> None:
        """Let the handler know that it should come to an end."""
        with _ASKING:
            self._warned = True
            if self._stopping is not None:
                self._stopping.set()

    @property
    def lease(self) -> Lease:
        """The right to settle it."""
        return self.delivery.lease

    @property
    def settled(self) -> bool:
        """Whether its transaction has completed the job, or is about to, or to learn that not."""
        return self.completed or self.ending

    def interrupt(self, why: Interruption) -> bool:
        """Cancel the handler, once; return whether this is that time: the first reason counts."""
        self.warn()
        if self.interruption is not None or self.task is None:
            return False
        self.interruption = why
        self.task.cancel(why)
        return True

    def stack(self) -> str:
        """Return where its coroutine stands, without any local variable."""
        frames = []
        waiting: Any = None if self.task is None else self.task.get_coro()
        while frame := getattr(waiting, "cr_frame", None):
            frames.append((frame, frame.f_lineno))
            waiting = waiting.cr_await
        return "".join(traceback.StackSummary.extract(iter(frames)).format())


def claimed(registry: Mapping[Address, Processor], delivery: Delivery) -> Attempt:
    """Return the attempt of a delivery; a dead letter's address has the name that people use."""
    processor = wanted(registry, delivery)
    if delivery.dead is not None and processor is not None:
        delivery = delivery._replace(queue=processor.known_as)
    return Attempt(delivery, processor)


def interruption_of(error: BaseException) -> str | None:
    """Return why the worker cancelled an attempt, by the error that its handler was ended with."""
    match error:
        case asyncio.CancelledError(args=("timeout" | "lost" | "shutdown" as why,)):
            return str(why)
        case _:
            return None


def wanted(registry: Mapping[Address, Processor], delivery: Delivery) -> Processor | None:
    """Return the processor of a job: that of its exact name before the queue's catch-all."""
    named = registry.get((delivery.queue, delivery.name))
    return named or registry.get((delivery.queue, None))


def declared(
    registry: Mapping[Address, Processor], configured: Callable[[str], Limits]
) -> Callable[[Attempt], Limits]:
    """Return what gives an attempt its processor's policy over that of the settings."""
    known = {one.address: one.policy.over(configured(one.known_as)) for one in registry.values()}

    def limits(attempt: Attempt) -> Limits:
        processor = attempt.processor
        if processor is None:
            return configured(attempt.delivery.queue)
        return known[processor.address]

    return limits


def in_force(delivery: Delivery, limits: Limits) -> Limits:
    """Return the policy of one attempt: the push's word comes before what was declared."""
    if delivery.max_attempts is None and delivery.backoff is None and delivery.timeout is None:
        return limits
    try:
        return _pushed(delivery).over(limits)
    except (ConfigError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Rejected(
            f"{delivery.queue}: the policy of its push cannot be read: {error}"
        ) from None


def refusal(attempt: Attempt, limits: Limits) -> Outcome | None:
    """Return the outcome of an attempt whose handler must not run, or None if it may."""
    delivery = attempt.delivery
    if delivery.expired:
        failure = Failure("expired: expires_at passed before the attempt started")
        return Dead("expired", failure, counted=False, kept=limits.keeps)
    if delivery.attempt > limits.attempts:
        reason: Reason = "lost" if delivery.lost else "exhausted"
        return Dead(reason, counted=False, kept=limits.keeps)
    if delivery.lost and limits.over_since(delivery.age):
        return Dead("lost", counted=False, kept=limits.keeps)
    if attempt.processor is None:
        return _unwanted(delivery, limits)
    return None


def started(attempt: Attempt) -> AttemptStarted:
    """Return what listeners are told when an attempt begins."""
    delivery, processor = attempt.delivery, attempt.processor
    label = processor.label if processor else ""
    return AttemptStarted(delivery.id, delivery.queue, delivery.name, delivery.attempt, label)


def ended(attempt: Attempt, outcome: Outcome | None, seconds: float) -> AttemptEnded:
    """Return what listeners are told when an attempt has its outcome."""
    delivery, processor = attempt.delivery, attempt.processor
    return AttemptEnded(
        job=delivery.id,
        queue=delivery.queue,
        name=delivery.name,
        attempt=delivery.attempt,
        processor=processor.label if processor else None,
        outcome=outcome,
        seconds=seconds,
    )


def _unwanted(delivery: Delivery, limits: Limits) -> Outcome:
    missing = f"no worker has a processor for {delivery.queue}, name {delivery.name or '(none)'}"
    waited = delivery.unwanted or 0.0
    if waited > _GIVEN_UP_AFTER:
        failure = Failure(f"{missing}, for a day; deploy one and redrive")
        return Dead("rejected", failure, counted=False, kept=limits.keeps)
    seconds = min(max(waited / 2, _FIRST_WAIT), _LONGEST_WAIT)
    return Release(timedelta(seconds=seconds), Failure(f"{missing}; it waits for one"))


def _pushed(delivery: Delivery) -> Policy:
    backoff: Any = None if delivery.backoff is None else msgspec.json.decode(delivery.backoff)
    return Policy(
        attempts=delivery.max_attempts,
        backoff=None if backoff is None else Backoff.from_json(backoff),
        timeout=None if delivery.timeout is None else timedelta(seconds=delivery.timeout),
    )
