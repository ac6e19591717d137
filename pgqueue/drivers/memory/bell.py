"""Wakes sleeping workers, of whatever event loop and thread."""

from __future__ import annotations

import asyncio
from threading import Lock


class Bell:
    """Rings for every change since a sleeper last looked: none is missed in between."""

    def __init__(self) -> None:
        self.rings = 0
        self._lock = Lock()
        self._sleepers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def ring(self) -> None:
        """Wake everybody."""
        with self._lock:
            self.rings += 1
            for event, loop in self._sleepers.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(event.set)

    async def wait(self, heard: int, seconds: float) -> None:
        """Sleep until it rings, `seconds` at most; not at all if it rang after `heard` rings."""
        event = asyncio.Event()
        with self._lock:
            if self.rings != heard:
                return
            self._sleepers[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                del self._sleepers[event]
