"""Claims jobs for free slots, and hands them over."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pgqueue.seam import Claim, Delivery, JobSource
from pgqueue.worker.service import first
from pgqueue.worker.slots import Slots
from pgqueue.worker.stamp import Stamp
from pgqueue.worker.until import Until


@dataclass(frozen=True, slots=True, kw_only=True)
class Appetite:
    """Which queues a worker claims from, and how.

    `strict`: the first queue is emptied before the second is looked at; otherwise they take
    turns at being first.
    """

    worker: str
    queues: Sequence[str]
    strict: bool
    lease: timedelta
    poll_interval: timedelta


class Fetcher:
    """The only one who claims, one claim at a time.

    Stopped by flag, never by cancel: a claim cancelled in flight may have committed, and its
    jobs would sit leased to nobody.
    """

    def __init__(
        self,
        source: JobSource,
        slots: Slots,
        appetite: Appetite,
        start: Callable[[Delivery], None],
        until: Until,
    ) -> None:
        self._source = source
        self._slots = slots
        self._appetite = appetite
        self._start = start
        self._until = until
        self._claimed = 0
        self.reason = "drained"
        self.stamp = Stamp("Fetcher", appetite.poll_interval.total_seconds())
        self._stopping = asyncio.Event()
        self._turn = 0

    def stop(self) -> None:
        """Claim no more."""
        self._stopping.set()
        self._slots.wake()

    async def run(self) -> None:
        """Claim while there is room, sleep while there is nothing."""
        while not self._stopping.is_set() and not self._enough():
            rooms = self._slots.rooms(self._order())
            if not rooms:
                await self._slots.given(self.stamp.interval)
                self.stamp.renew()
                continue
            # Looked at before: an attempt that ends meanwhile leaves room, and may have pushed.
            unused = self._slots.unused
            claimed = await self._source.claim(self._claim(rooms))
            self.stamp.renew()
            self._turn += 1
            self._claimed += len(claimed)
            for delivery in claimed:
                self._start(delivery)
            if not claimed and not self._stopping.is_set():
                if unused and self._nothing_left():
                    self.reason = "nothing left"
                    return
                full = len(rooms) < len(self._appetite.queues)
                await self._idle(full=full or (self._until.empty and not unused))

    def _enough(self) -> bool:
        if self._until.left(self._claimed) == 0:
            self.reason = f"{self._claimed} jobs claimed"
        elif self._until.full:
            self.reason = "memory used up"
        else:
            return False
        return True

    def _nothing_left(self) -> bool:
        waits = self._until.delayed and self._source.delayed
        return self._until.empty and not waits

    async def _idle(self, *, full: bool) -> None:
        reasons = [self._source.wait(self._appetite.poll_interval), self._stopping.wait()]
        # A queue that had no room may have jobs, and nobody would ring for them; nor does anybody
        # when the last attempt ends.
        if full:
            reasons.append(self._slots.given())
        await first(*reasons)

    def _claim(self, rooms: dict[str, int]) -> Claim:
        left = self._until.left(self._claimed)
        return Claim(
            rooms=rooms,
            limit=self._slots.free if left is None else min(self._slots.free, left),
            token=secrets.randbits(63),
            lease=self._appetite.lease,
            worker=self._appetite.worker,
        )

    def _order(self) -> Sequence[str]:
        queues = self._appetite.queues
        if self._appetite.strict or len(queues) < 2:
            return queues
        turn = self._turn % len(queues)
        return [*queues[turn:], *queues[:turn]]
