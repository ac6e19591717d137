"""Room for attempts: a cap for the worker, and one for each processor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from pgqueue.processor import Address, Processor


class Slots:
    """Counts free slots. What is claimed always fits: nothing is hoarded."""

    def __init__(self, total: int, processors: Iterable[Processor]) -> None:
        self._total = self._free = total
        self._room_at: dict[Address, int] = {}
        self._addresses: dict[str, list[Address]] = {}
        for processor in processors:
            if processor.address not in self._room_at:
                self._addresses.setdefault(processor.queue, []).append(processor.address)
            self._room_at[processor.address] = min(processor.concurrency or total, total)
        self._given = asyncio.Event()

    @property
    def free(self) -> int:
        """How many more attempts the worker may run."""
        return self._free

    @property
    def unused(self) -> bool:
        """Whether nothing runs, and every outcome is written."""
        return self._free == self._total

    def rooms(
        self, queues: Sequence[str], leaving: Sequence[Processor | None] = ()
    ) -> dict[str, int]:
        """Return how many jobs of each queue fit for certain, leaving out queues that are full.

        Nobody knows which of a queue's processors the next jobs are for, so its fullest counts.
        The slots of those `leaving` count as free.
        """
        self._given.clear()
        free, room_at = self._free + len(leaving), self._room_at
        if leaving:
            room_at = room_at.copy()
            for processor in leaving:
                if processor is not None:
                    room_at[processor.address] += 1
        rooms = {}
        for queue in queues:
            room = min(free, *(room_at[one] for one in self._addresses[queue]))
            if room > 0:
                rooms[queue] = room
        return rooms

    def take(self, processor: Processor | None) -> None:
        """Occupy a slot; a job that no processor wants occupies only the worker's."""
        self._free -= 1
        if processor is not None:
            self._room_at[processor.address] -= 1

    def give(self, processor: Processor | None) -> None:
        """Free the slot again."""
        self._free += 1
        if processor is not None:
            self._room_at[processor.address] += 1
        self._given.set()

    def wake(self) -> None:
        """Let who waits for a slot look again, although there may be none."""
        self._given.set()

    async def given(self, within: float | None = None) -> None:
        """Wait, `within` seconds, for a slot that is free or became so since the last look."""
        if within is None:
            await self._given.wait()
            return
        alarm = asyncio.get_running_loop().call_later(within, self.wake)
        try:
            await self._given.wait()
        finally:
            alarm.cancel()
