"""Writes outcomes, many at a time; while one batch is under way the next one gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import NamedTuple

from pgqueue.errors import BackendError, Unavailable
from pgqueue.seam import JobSource, Settlement
from pgqueue.worker import journal
from pgqueue.worker.stamp import Stamp

_BATCH = 500
# How often it shows that it is alive while there is nothing to write.
_INTERVAL = 5.0


class Pending(NamedTuple):
    """An outcome to write, and whom to tell whether the lease still held."""

    settlement: Settlement
    written: Callable[[bool], None]


class Settler:
    """Keeps every outcome until it is written; a lost connection costs none."""

    def __init__(self, source: JobSource) -> None:
        self._source = source
        self._pending: list[Pending] = []
        self._changed = asyncio.Event()
        self._stopping = False
        self.stamp = Stamp("Settler", _INTERVAL)

    def put(self, settlement: Settlement, written: Callable[[bool], None]) -> None:
        """Take an outcome over; `written` is called once it is in the storage."""
        self._pending.append(Pending(settlement, written))
        self._changed.set()

    def stop(self) -> None:
        """Return from `run` as soon as everything is written."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Write what comes in."""
        while self._pending or not self._stopping:
            if not self._pending:
                await self._rest()
                continue
            await self._write(self._batch())

    async def _rest(self) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.stamp.interval):
                await self._changed.wait()
        self.stamp.renew()

    def _batch(self) -> list[Pending]:
        # A statement can name a job only once; a second attempt at the same one waits its turn.
        return list({one.settlement.lease.job: one for one in self._pending[_BATCH::-1]}.values())

    async def _write(self, batch: Sequence[Pending]) -> None:
        try:
            written = await self._source.settle([one.settlement for one in batch])
        except Unavailable:
            raise
        except BackendError as error:
            self.stamp.renew()  # refused, but answered
            if len(batch) > 1:
                # One outcome that the database refuses must not hold up the others.
                for one in batch:
                    await self._write([one])
                return
            journal.unsettled(batch[0].settlement, error)
            written = [batch[0].settlement.lease.job]  # not written, but the lease is not lost
        else:
            self.stamp.renew()
        self._tell(batch, written)

    def _tell(self, batch: Sequence[Pending], written: Collection[int]) -> None:
        taken = set(map(id, batch))
        self._pending = [one for one in self._pending if id(one) not in taken]
        for one in batch:
            one.written(one.settlement.lease.job in written)
