"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_ENDING = 2.0


class SideLoop:
    """Runs what must go on while a handler blocks the loop of the application."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Have the thread's loop do something, until the future is cancelled."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def stop(self) -> None:
        """End the thread, when what goes on there has ended or has taken too long."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join, _ENDING)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_end_all())
        finally:
            self._loop.close()


async def _end_all() -> None:
    if going_on := asyncio.all_tasks() - {asyncio.current_task()}:
        _, left = await asyncio.wait(going_on, timeout=_ENDING / 2)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
