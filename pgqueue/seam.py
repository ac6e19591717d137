"""What a driver offers to the worker: values and protocols that name no storage.

A driver needs this module and nothing else of pgqueue; this module needs only the standard library.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

from pgqueue.answer import Discard, Redrive
from pgqueue.config import Config
from pgqueue.errors import LeaseLost, PayloadError, Unavailable, UnsupportedOption
from pgqueue.letters import DeadJob, DeadLetters
from pgqueue.offers import Subscribing, Sweeping, Swept, Watching
from pgqueue.options import Said, read_options
from pgqueue.outcome import Dead, DeadLetter, Done, Failure, Outcome, Reason, Release, Retry
from pgqueue.plain import Json
from pgqueue.queue import dead_source
from pgqueue.scope import Scope
from pgqueue.sealing import seal_json

__all__ = [
    "Claim",
    "Config",
    "Dead",
    "DeadJob",
    "DeadLetter",
    "DeadLetters",
    "Delivery",
    "Discard",
    "Done",
    "Driver",
    "Exchanged",
    "Exchanging",
    "Extend",
    "Failure",
    "InlineDriver",
    "JobProducer",
    "JobSource",
    "Json",
    "Lease",
    "LeaseLost",
    "Outcome",
    "PayloadError",
    "Reason",
    "Redrive",
    "Release",
    "Retry",
    "RunNow",
    "Said",
    "Scope",
    "Settlement",
    "Stop",
    "Subscribing",
    "Sweeping",
    "Swept",
    "Transport",
    "Unavailable",
    "UnsupportedOption",
    "Watching",
    "dead_source",
    "read_options",
    "seal_json",
]


class JobProducer(Protocol):
    """The whole of what pushing needs: type a service against it, and give it any driver."""

    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> Any:
        """Push a JSON value as one job, and return what identifies it.

        An option that the driver does not have is UnsupportedOption; a payload that is sealed
        already, or is no JSON, is PayloadError.
        """
        ...


class Lease(NamedTuple):
    """The right to settle one attempt: the job, and the random token of its claim.

    `dead`: it is an attempt of the processor of its dead letter.
    """

    job: int
    token: int
    dead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a worker asks for: per queue, in the order of preference, how many it has room for.

    `thorough`: nothing found has to mean that nothing is there. A worker that comes again anyway
    leaves to the storage how often it looks where little is to be expected.
    """

    rooms: Mapping[str, int]
    limit: int
    token: int
    lease: timedelta
    worker: str
    thorough: bool = True


class Delivery(NamedTuple):
    """One claimed job as the driver read it: nothing in it is decoded yet.

    `backoff` is JSON text and `timeout` seconds, as the push chose them. `expired`: its time
    to start has passed. `lost`: an earlier attempt's lease lapsed. `unwanted`: for so many
    seconds no worker had a processor for it. It was pushed `age` seconds before the claim, by the
    storage's clock, and snoozed `snoozes` times since it last failed. `dead` makes it a dead
    letter: then `queue` is its address, and the attempts are those of its processor.
    """

    id: int
    token: int
    queue: str
    name: str | None
    priority: int
    position: int
    attempt: int
    max_attempts: int | None
    backoff: str | None
    timeout: float | None
    envelope: str
    pushed_at: datetime
    expired: bool
    lost: bool
    unwanted: float | None = None
    age: float = 0.0
    snoozes: int = 0
    dead: DeadLetter | None = None

    @property
    def lease(self) -> Lease:
        """The token with which this attempt is settled."""
        return Lease(self.id, self.token, self.dead is not None)


class Settlement(NamedTuple):
    """An attempt's outcome on its way to the storage."""

    lease: Lease
    outcome: Outcome


Extend = Callable[[Sequence[Lease], timedelta], Mapping[int, bool]]
"""Prolongs leases from now, and returns the jobs whose lease still held.

With each goes whether it was prolonged: False when its row is being written at this moment, so
that it holds for now and has to be asked for again.
"""


class JobSource(Protocol):
    """The storage as one worker sees it; open while its context is entered.

    Every method raises `Unavailable` when the storage cannot be reached for now.
    """

    async def __aenter__(self) -> Self:
        """Connect; raise if that cannot be done, or if the storage is not what it should be."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        ...

    async def claim(self, claim: Claim) -> Sequence[Delivery]:
        """Lease due jobs, never more than there is room for."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> Collection[int]:
        """Write outcomes; return the ids of the jobs whose lease still held."""
        ...

    def extender(self) -> AbstractContextManager[Extend]:
        """Give what prolongs leases; entered and called in a thread of the worker's own.

        It blocks, and shares nothing with the event loop: a handler that holds up the loop, or
        a claim that hangs, must not cost the leases.
        """
        ...

    async def wait(self, at_most: timedelta) -> None:
        """Sleep until there may be something to claim, `at_most` so long."""
        ...

    @property
    def delayed(self) -> bool:
        """Whether jobs wait for a time, as far as the last claim has shown."""
        ...

    def transaction(self, lease: Lease) -> Scope[Any]:
        """Open a transaction that completes the job when it commits, fenced by its lease.

        Raises `LeaseLost` if it no longer held, and `Undecided` if nobody knows.
        """
        ...

    def connection(self) -> Scope[Any]:
        """Give a connection for a handler's own statements."""
        ...


class Exchanged(NamedTuple):
    """What an exchange has done: the jobs that it completed, and those that it leased.

    What it did not complete is settled by `settle`, which says whether the lease still held.
    """

    written: Collection[int]
    found: Sequence[Delivery]


@runtime_checkable
class Exchanging(Protocol):
    """What a source may offer besides: to complete jobs and lease others in one commit."""

    def exchanges(self, rooms: Mapping[str, int]) -> bool:
        """Return whether it would now, for a claim of these rooms; if not, `claim` has to."""
        ...

    async def exchange(self, done: Sequence[Lease], claim: Claim) -> Exchanged:
        """Complete attempts and lease due jobs, or neither; none that it completes is leased.

        It may leave out what is locked, and find nothing where `claim` would.
        """
        ...


class Driver(Protocol):
    """What a worker is given: settings, and a source of jobs."""

    @property
    def config(self) -> Config:
        """The settings of this driver and its workers."""
        ...

    def source(self, queues: Sequence[str], worker: str) -> JobSource:
        """Make the storage's face for one worker, which serves `queues`."""
        ...


RunNow = Callable[[Delivery], Awaitable[bool]]
"""Runs a delivery to its end and raises what its handler raised; False if nobody processes it."""


@runtime_checkable
class InlineDriver(Protocol):
    """A driver that runs its jobs inside the push, by what a worker lends it when it is made."""

    def attach(self, run: RunNow) -> None:
        """Take what runs the jobs of one worker's processors."""
        ...


class Stop(Protocol):
    """An event that says when to stop."""

    def is_set(self) -> bool:
        """Return whether it is time."""
        ...

    async def wait(self) -> Any:
        """Wait until it is time."""
        ...


class Transport(Protocol):
    """Something that an application runs beside others: a worker, a scheduler, your own."""

    async def configure(self) -> None:
        """Check and assemble, once; when it raises, nothing is served."""
        ...

    async def serve(self, stop: Stop) -> None:
        """Work until `stop` is set."""
        ...
