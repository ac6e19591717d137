"""Looks now and then for jobs that no claim would find, in queues of any worker."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic

from pgqueue.errors import BackendError, SchemaError, Unavailable
from pgqueue.seam import JobSource, Sweeping
from pgqueue.worker import journal
from pgqueue.worker.service import first
from pgqueue.worker.stamp import Stamp

_LONGEST_PAUSE = 30.0
# It takes at most a twentieth of the time, however much there is to read.
_SHARE = 20


class Sweeper:
    """Not part of the claims: a worker whose slots are full makes none."""

    def __init__(self, source: JobSource, *, interval: timedelta) -> None:
        self._source = source
        self._interval = min(interval.total_seconds(), _LONGEST_PAUSE)
        self.stamp = Stamp("Sweeper", _LONGEST_PAUSE)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    async def run(self) -> None:
        """Sweep at once, and again after every pause."""
        while not self._stopping.is_set():
            begun = monotonic()
            await self._sweep()
            self.stamp.renew()
            pause = max(self._interval, min(_SHARE * (monotonic() - begun), _LONGEST_PAUSE))
            await first(self._stopping.wait(), within=pause)

    async def _sweep(self) -> None:
        if not isinstance(self._source, Sweeping):
            return
        try:
            for job in await self._source.sweep():
                journal.swept(job)
        except (Unavailable, SchemaError):
            raise
        except BackendError as error:  # somebody's trigger or policy; the jobs here go on
            journal.unswept(error)
