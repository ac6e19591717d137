"""A worker as a process: what its signals mean, and its exit code."""

from __future__ import annotations

import gc
import os
import signal
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol

from pgqueue.errors import HandlersStuck
from pgqueue.worker import bulletin
from pgqueue.worker.forks import Forks
from pgqueue.worker.loops import Loop, new_loop
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


def run(
    worker: Stoppable,
    until: Until | None = None,
    beside: Beside | None = None,
    loop: Loop = "auto",
) -> int:
    """Run a worker in a loop of its own, and return the exit code of its process.

    The first SIGTERM or SIGINT drains (0), the second releases at once (128 + signal), a third
    ends the process where it stands. Threads that are stuck in a handler are not waited for; when
    there are as many as the worker has slots, it drains by itself (75). `beside` surrounds the
    run, such as the probes of its health.
    """
    # Not asyncio.run: it waits for every task and thread, and a handler may never end.
    running = new_loop(loop)
    received: list[int] = []
    code = 0

    def heed(number: int) -> None:
        received.append(number)
        if len(received) > 2:
            os._exit(128 + number)
        bulletin.signalled(signal.Signals(number).name, again=len(received) > 1)
        worker.stop()

    async def work() -> None:
        # Only in a running loop: uvloop forgets a signal that comes before.
        for number in _SIGNALS:
            running.add_signal_handler(number, heed, number)
        async with beside or nullcontext():
            await worker.run(until)

    # What is loaded by now stays for good: looking through it again and again would cost an
    # eighth of the time of jobs that do little.
    gc.collect()
    gc.freeze()
    try:
        Forks(_SIGNALS, working=lambda: not running.is_closed()).watch()
        running.run_until_complete(work())
    except HandlersStuck:
        code = STUCK
    finally:
        running.close()
    return 128 + received[1] if len(received) > 1 else code
