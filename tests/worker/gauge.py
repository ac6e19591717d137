"""Counts attempts that run at once, and holds them."""

from __future__ import annotations

import asyncio


class Gauge:
    """Counts attempts in flight, and lets them end when it is told to."""

    def __init__(self) -> None:
        self.now = self.peak = 0
        self.entered: asyncio.Queue[int] = asyncio.Queue()
        self.leave = asyncio.Semaphore(0)

    async def hold(self, payload: int) -> None:
        self.now += 1
        self.peak = max(self.peak, self.now)
        self.entered.put_nowait(payload)
        await self.leave.acquire()
        self.now -= 1
