"""Threads for plain `def` handlers: one for each that runs, another for each that is stuck."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from pgqueue.job import Job
from pgqueue.worker import journal
from pgqueue.worker.stuck import Stuck

Call = Callable[[], Any]


class Threads:
    """Runs blocking calls; how many at once is up to the caller's slots.

    Its threads are daemons: the interpreter's end does not wait for a handler that has none.
    """

    def __init__(self, most: int, stuck: Stuck) -> None:
        self._most = most
        self._stuck = stuck
        self._idle: list[_Thread] = []

    async def run(self, job: Job[Any], call: Call) -> Any:
        """Call it on a thread; who is cancelled meanwhile leaves the thread to its fate."""
        loop = asyncio.get_running_loop()
        thread = self._idle.pop() if self._idle else _Thread()
        ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def end(value: Any, error: BaseException | None) -> None:
            self._back(thread, job)
            if not ended.done():
                # As a value: no future can carry StopIteration.
                ended.set_result((value, error))

        def work() -> None:
            value, error = None, None
            try:
                value = call()
            except BaseException as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(end, value, error)

        thread.give(work)
        try:
            value, error = await ended
        except asyncio.CancelledError:
            loop.call_later(self._stuck.patience, self._look, thread, work, job)
            raise
        if error is None:
            return value
        try:
            raise error
        finally:
            del error  # it holds this frame, and this frame it

    def close(self) -> None:
        """End the threads that have nothing to do."""
        while self._idle:
            self._idle.pop().give(None)

    def _back(self, thread: _Thread, job: Job[Any]) -> None:
        thread.work = None
        if self._stuck.leave(thread):
            journal.unstuck(job)
        if len(self._idle) < self._most:
            self._idle.append(thread)
        else:
            thread.give(None)

    def _look(self, thread: _Thread, work: Call, job: Job[Any]) -> None:
        if thread.work is work:
            self._stuck.enter(thread)
            journal.stuck(job, thread.stack())


class _Thread:
    """One thread, which does what it is given until that is None."""

    def __init__(self) -> None:
        self.work: Call | None = None
        self._inbox: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="pgqueue-job", daemon=True)
        self._thread.start()

    def give(self, work: Call | None) -> None:
        """Let it do this next."""
        self.work = work
        self._inbox.put(work)

    def stack(self) -> str:
        """Return where it stands, without any local variable."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else ""

    def _run(self) -> None:
        for work in iter(self._inbox.get, None):
            work()
            del work
