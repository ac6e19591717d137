"""Claims jobs for free slots, and hands them over."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pgqueue.errors import BackendError, Unavailable
from pgqueue.seam import Claim, Delivery, Exchanging, JobSource
from pgqueue.worker.outbox import Outbox, Pending, tell
from pgqueue.worker.service import Nap, first
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
        outbox: Outbox,
        appetite: Appetite,
        start: Callable[[Delivery], None],
        until: Until,
    ) -> None:
        self._source = source
        self._exchanging = source if isinstance(source, Exchanging) else None
        self._slots = slots
        self._outbox = outbox
        self._appetite = appetite
        self._start = start
        self._until = until
        self._claimed = 0
        self.reason = "drained"
        self.stamp = Stamp("Fetcher", appetite.poll_interval.total_seconds())
        self._stopping = asyncio.Event()
        self._nap = Nap()
        self._turn = 0

    def stop(self) -> None:
        """Claim no more."""
        self._stopping.set()
        self._slots.wake()
        self._nap.end()

    async def run(self) -> None:
        """Claim while there is room, sleep while there is nothing."""
        try:
            while not self._stopping.is_set() and not self._enough():
                leaving, rooms = self._wanted()
                if not rooms:
                    await self._room()
                elif await self._look(leaving, rooms):
                    return
        finally:
            self._outbox.leave()

    def _wanted(self) -> tuple[Sequence[Pending], dict[str, int]]:
        """Return completions to take along, and the room for jobs once they have left."""
        order = self._order()
        if self._exchanging is not None and (leaving := self._outbox.completions()):
            rooms = self._slots.rooms(order, [one.attempt.processor for one in leaving])
            if self._exchanging.exchanges(rooms):
                return leaving, rooms
            self._outbox.give_back(leaving)
        return (), self._slots.rooms(order)

    async def _room(self) -> None:
        """Wait for a free slot, or for completions to take along."""
        self._outbox.awaited = self._slots.wake if self._exchanging is not None else None
        await self._slots.given(self.stamp.interval)
        self._outbox.awaited = None
        self.stamp.renew()

    async def _look(self, leaving: Sequence[Pending], rooms: dict[str, int]) -> bool:
        """Claim, and start what is found; return whether this was all there will be."""
        # Looked at before: an attempt that ends meanwhile leaves room, and may have pushed.
        unused = self._slots.unused
        claim = self._claim(rooms, len(leaving))
        if leaving:
            found = await self._exchange(leaving, claim)
        else:
            found = await self._source.claim(claim)
        self.stamp.renew()
        self._turn += 1
        self._claimed += len(found)
        for delivery in found:
            self._start(delivery)
        if found and self._slots.free:
            # So that they start before the next claim is sent: they may be what woke us.
            await asyncio.sleep(0)
        if found or leaving or self._stopping.is_set():
            return False
        if unused and self._nothing_left():
            self.reason = "nothing left"
            return True
        full = len(rooms) < len(self._appetite.queues)
        await self._idle(full=full or (self._until.empty and not unused))
        return False

    async def _exchange(self, leaving: Sequence[Pending], claim: Claim) -> Sequence[Delivery]:
        assert self._exchanging is not None
        try:
            done = [one.attempt.lease for one in leaving]
            written, found = await self._exchanging.exchange(done, claim)
        except BaseException as error:
            self._outbox.give_back(leaving)
            if isinstance(error, BackendError) and not isinstance(error, Unavailable):
                return ()  # one half was refused; each by itself will tell which
            raise
        tell([one for one in leaving if one.attempt.delivery.id in written], written)
        if missed := [one for one in leaving if one.attempt.delivery.id not in written]:
            self._outbox.give_back(missed)
        return found

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
        nap = self._source.wait(self._appetite.poll_interval)
        # A queue that had no room may have jobs, and nobody would ring for them; nor does anybody
        # when the last attempt ends.
        if full:
            nap = first(nap, self._slots.given())
        await self._nap.take(nap)

    def _claim(self, rooms: dict[str, int], leaving: int) -> Claim:
        free, left = self._slots.free + leaving, self._until.left(self._claimed)
        return Claim(
            rooms=rooms,
            limit=free if left is None else min(free, left),
            token=secrets.randbits(63),
            lease=self._appetite.lease,
            worker=self._appetite.worker,
            thorough=self._until.empty,
        )

    def _order(self) -> Sequence[str]:
        queues = self._appetite.queues
        if self._appetite.strict or len(queues) < 2:
            return queues
        turn = self._turn % len(queues)
        return [*queues[turn:], *queues[:turn]]
