"""Keeps the leases of running attempts from lapsing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Protocol

from pgqueue.seam import JobSource, Lease
from pgqueue.worker.service import first


class Held(Protocol):
    """A running attempt, as far as its lease is concerned."""

    leased_at: float

    @property
    def lease(self) -> Lease:
        """What to extend."""
        ...


class Keeper:
    """Extends leases that are past their half: short jobs never pay for it."""

    def __init__(
        self,
        source: JobSource,
        held: Callable[[], Sequence[Held]],
        lost: Callable[[Lease], None],
        *,
        lease: timedelta,
        heartbeat: timedelta,
    ) -> None:
        self._source = source
        self._held = held
        self._lost = lost
        self._lease = lease
        self._heartbeat = heartbeat.total_seconds()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Extend no more."""
        self._stopping.set()

    async def run(self) -> None:
        """Extend what needs it, at every beat."""
        while not self._stopping.is_set():
            await first(self._stopping.wait(), within=self._heartbeat)
            half = monotonic() - self._lease.total_seconds() / 2
            aging = [attempt for attempt in self._held() if attempt.leased_at <= half]
            if aging and not self._stopping.is_set():
                await self._extend(aging)

    async def _extend(self, aging: Sequence[Held]) -> None:
        asked = monotonic()
        kept = await self._source.extend([one.lease for one in aging], self._lease)
        for attempt in aging:
            if attempt.lease.job in kept:
                attempt.leased_at = asked
            else:
                self._lost(attempt.lease)
