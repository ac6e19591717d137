"""The jobs of this process as one worker sees them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

from pgqueue.drivers.memory.store import Store
from pgqueue.errors import LeaseLost, UnsupportedOption
from pgqueue.outcome import Done
from pgqueue.scope import Scope
from pgqueue.seam import Claim, Delivery, Extend, Lease, Settlement, Swept


class Source:
    """Claims, settles and extends; opening and closing it costs nothing."""

    def __init__(self, store: Store, keeps: Callable[[str], bool]) -> None:
        self._store = store
        self._keeps = keeps
        self._heard = 0

    async def __aenter__(self) -> Source:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def claim(self, claim: Claim) -> Sequence[Delivery]:
        """Lease due jobs, and remember what there was to see."""
        self._heard = self._store.bell.rings
        return self._store.claim(claim)

    async def settle(self, settlements: Sequence[Settlement]) -> Collection[int]:
        """Write outcomes; return the ids whose lease still held."""
        return {one.lease.job for one in settlements if self._store.settle(*one)}

    def extender(self) -> AbstractContextManager[Extend]:
        """Give what prolongs leases; the store may be used in any thread."""
        return nullcontext(self._extend)

    async def wait(self, at_most: timedelta) -> None:
        """Sleep until there is a change since the last claim, or a job is due."""
        seconds = min(self._store.due_in(), at_most.total_seconds())
        await self._store.bell.wait(self._heard, seconds)

    async def sweep(self) -> Sequence[Swept]:
        """Bury the jobs whose time to start has passed."""
        return self._store.expire(self._keeps)

    @property
    def delayed(self) -> bool:
        """Whether jobs of any queue wait for a time."""
        return self._store.delayed

    def transaction(self, lease: Lease) -> Scope[None]:
        """Complete the job at the end of the block; there is no database, so it gives None."""
        return Scope.either(lambda: self._completing(lease))

    def connection(self) -> Scope[None]:
        """Refuse: there is no database."""
        raise UnsupportedOption(
            "Memory has no database, so there is no job.connection(); open one of your own, or "
            "use the Postgres driver"
        )

    def _extend(self, leases: Sequence[Lease], lease: timedelta) -> Mapping[int, bool]:
        seconds = lease.total_seconds()
        return {one.job: True for one in leases if self._store.extend(one, seconds)}

    @contextmanager
    def _completing(self, lease: Lease) -> Iterator[None]:
        yield
        if not self._store.settle(lease, Done()):
            raise LeaseLost(f"job {lease.job}: its lease was lost before the transaction ended")
