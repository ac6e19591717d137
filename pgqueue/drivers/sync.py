"""`Sync`: the driver without a queue. A push runs its job, and returns when that has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from pgqueue.config import Config
from pgqueue.errors import RegistrationError, UnsupportedOption
from pgqueue.options import read_options
from pgqueue.plain import Json
from pgqueue.producer import Producer
from pgqueue.scope import Scope
from pgqueue.sealing import seal_json
from pgqueue.seam import Claim, Delivery, Extend, Lease, RunNow, Settlement

# Nothing waits here, so priority and expires_in hold by themselves. What would have to wait
# (delay, run_at) or to be tried again (attempts, backoff) is refused.
OPTIONS: Final = frozenset({"name", "priority", "timeout", "expires_in", "carrier"})


class Sync(Producer):
    """Runs each job inside its push, for development and tests; nothing is stored.

    `Worker(sync, include=[…])` gives it the processors, and need not run. The payload is sealed,
    written as JSON and decoded as for any driver. What the handler raises reaches the pusher;
    there are no retries and no dead letters. Blocking code writes `asyncio.run(sync.push(…))`.
    """

    def __init__(self, **settings: Any) -> None:
        self.config = Config.load(**settings)
        self._ids = count(1)
        self._runs: list[RunNow] = []

    def __repr__(self) -> str:
        return "Sync()"

    def attach(self, run: RunNow) -> None:
        """Take what runs the jobs of one worker's processors."""
        self._runs.append(run)

    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> int:
        """Run a JSON value as one job to its end, and return the job's id."""
        said = read_options(queue, options, driver="Sync", known=OPTIONS)
        delivery = Delivery(
            id=next(self._ids),
            token=0,
            queue=queue,
            name=said.name,
            priority=said.priority,
            position=0,
            attempt=1,
            max_attempts=1,
            backoff=None,
            timeout=None if said.timeout is None else said.timeout.total_seconds(),
            envelope=seal_json(queue, payload, self.config, options.get("carrier")),
            pushed_at=datetime.now(UTC),
            expired=False,
            lost=False,
        )
        for run in self._runs:
            if await run(delivery):
                return delivery.id
        raise RegistrationError(
            f"push to {queue}, name {said.name or '(none)'}: Sync runs jobs at once, and no worker "
            "was made with a processor for this one: Worker(sync, include=[processors])"
        )

    def source(self, queues: Sequence[str], worker: str) -> Source:
        """Make a face without any jobs: a worker that is run has nothing to do."""
        return Source()


class Source:
    """No jobs to claim; a job's transaction is one without a database."""

    async def __aenter__(self) -> Source:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def claim(self, claim: Claim) -> Sequence[Delivery]:
        """Find nothing: every job has ended when its push returns."""
        return ()

    async def settle(self, settlements: Sequence[Settlement]) -> Collection[int]:
        """Write nothing."""
        return ()

    def extender(self) -> AbstractContextManager[Extend]:
        """Give what prolongs nothing: no lease of a worker's holds."""
        return nullcontext(lambda leases, lease: {})

    async def wait(self, at_most: timedelta) -> None:
        """Sleep."""
        await asyncio.sleep(at_most.total_seconds())

    @property
    def delayed(self) -> bool:
        """Whether jobs wait for a time: never."""
        return False

    def transaction(self, lease: Lease) -> Scope[None]:
        """Give None, for there is no database."""
        return Scope.either(nullcontext)

    def connection(self) -> Scope[None]:
        """Refuse: there is no database."""
        raise UnsupportedOption(
            "Sync has no database, so there is no job.connection(); open one of your own, or use "
            "the Postgres driver"
        )
