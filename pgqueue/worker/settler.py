"""Writes outcomes, many at a time; while one batch is under way the next one gathers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from pgqueue.errors import BackendError, Unavailable
from pgqueue.seam import JobSource
from pgqueue.worker import journal
from pgqueue.worker.outbox import Outbox, Pending, tell
from pgqueue.worker.stamp import Stamp

# How often it shows that it is alive while there is nothing to write.
_INTERVAL = 5.0


class Settler:
    """Writes what no claim takes along; a lost connection costs no outcome."""

    def __init__(self, source: JobSource, outbox: Outbox) -> None:
        self._source = source
        self._outbox = outbox
        self._stopping = False
        self.stamp = Stamp("Settler", _INTERVAL)

    def stop(self) -> None:
        """Return from `run` as soon as everything is written."""
        self._stopping = True
        self._outbox.filled.set()

    async def run(self) -> None:
        """Write what comes in."""
        while self._outbox or not self._stopping:
            if not self._outbox:
                await self._rest()
                continue
            await self._write(self._outbox.batch())

    async def _rest(self) -> None:
        self._outbox.filled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.stamp.interval):
                await self._outbox.filled.wait()
        self.stamp.renew()

    async def _write(self, batch: Sequence[Pending]) -> None:
        try:
            written = await self._source.settle([one.settlement for one in batch])
        except BaseException as error:
            if isinstance(error, Unavailable) or not isinstance(error, BackendError):
                self._outbox.give_back(batch)
                raise
            self.stamp.renew()  # refused, but answered
            if len(batch) > 1:
                await self._write_each(batch)
                return
            journal.unsettled(batch[0].settlement, error)
            written = [batch[0].attempt.delivery.id]  # not written, but the lease is not lost
        self.stamp.renew()
        tell(batch, written)

    async def _write_each(self, batch: Sequence[Pending]) -> None:
        """One outcome that the database refuses must not hold up the others."""
        left = deque(batch)
        try:
            while left:
                await self._write([left.popleft()])
        finally:
            self._outbox.give_back(left)
