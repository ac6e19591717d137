"""A worker as a process: what its signals mean, and its exit code."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol

from pgqueue.errors import HandlersStuck
from pgqueue.worker import bulletin
from pgqueue.worker.forks import Forks
from pgqueue.worker.until import Until

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# EX_TEMPFAIL: nothing is wrong that a new process would not put right.
STUCK: Final = 75


class Stoppable(Protocol):
    """A worker, as far as its process is concerned."""

    async def run(self, until: Until | None = None) -> None:
        """Work until stopped."""
        ...

    def stop(self) -> None:
        """Drain; called again, release at once."""
        ...


Beside = AbstractAsyncContextManager[object]


def run(worker: Stoppable, until: Until | None = None, beside: Beside | None = None) -> int:
    """Run a worker in a loop of its own, and return the exit code of its process.

    The first SIGTERM or SIGINT drains (0), the second releases at once (128 + signal), a third
    ends the process where it stands. Threads that are stuck in a handler are not waited for; when
    there are as many as the worker has slots, it drains by itself (75). `beside`
    surrounds the run, such as the probes of its health.
    """
    received: list[int] = []
    code = 0

    def heed(number: int) -> None:
        received.append(number)
        if len(received) > 2:
            os._exit(128 + number)
        bulletin.signalled(signal.Signals(number).name, again=len(received) > 1)
        worker.stop()

    # What is loaded by now stays for good: looking through it again and again would cost an
    # eighth of the time of jobs that do little.
    gc.collect()
    gc.freeze()
    # Not asyncio.run: it waits for every task and thread, and a handler may never end.
    loop = asyncio.new_event_loop()
    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, heed, number)
        Forks(_SIGNALS, working=lambda: not loop.is_closed()).watch()
        loop.run_until_complete(_work(worker, until, beside or nullcontext()))
    except HandlersStuck:
        code = STUCK
    finally:
        loop.close()
    return 128 + received[1] if len(received) > 1 else code


async def _work(worker: Stoppable, until: Until | None, beside: Beside) -> None:
    async with beside:
        await worker.run(until)
