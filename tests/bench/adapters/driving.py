"""How each queue is driven alike: push no-op jobs, then let one worker process drain them.

The clock of the drain runs from the start of the worker until the last handler has run.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any, NamedTuple

PAYLOAD = {"file": "x" * 189}


class Task(NamedTuple):
    """What is asked for; at concurrency 0 the jobs are pushed only."""

    dsn: str
    jobs: int
    concurrency: int


class Handled:
    """Counts handlers that ran, and knows when the last one did."""

    def __init__(self, jobs: int) -> None:
        self._left = jobs
        self.all = asyncio.Event()

    def one(self) -> None:
        """Count a job."""
        self._left -= 1
        if self._left == 0:
            self.all.set()


class Rates(NamedTuple):
    """Jobs a second; 0 when nothing was drained."""

    push: float
    drain: float = 0.0


Stop = Callable[[], Coroutine[Any, Any, None]]


async def timed(act: Awaitable[Any], jobs: int) -> float:
    """Return how many jobs a second something took on."""
    started = perf_counter()
    await act
    return jobs / (perf_counter() - started)


async def drained(work: Coroutine[Any, Any, Any], handled: Handled, jobs: int) -> float:
    """Run a worker until every job has been handled, then cancel it; return jobs a second."""
    started = perf_counter()
    worker = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(handled.all.wait())
    await asyncio.wait({worker, waiting}, return_when=asyncio.FIRST_COMPLETED)
    seconds = perf_counter() - started
    if not handled.all.is_set():
        waiting.cancel()
        await worker
        raise RuntimeError("the worker ended before every job was handled")
    worker.cancel()
    await asyncio.wait({worker}, timeout=10)
    return jobs / seconds


def main(drive: Callable[[Task], Coroutine[Any, Any, Rates]], loop: Any = None) -> None:
    """Do what the command line asks for, and print the rates."""
    dsn, jobs, concurrency = sys.argv[1:4]
    with asyncio.Runner(loop_factory=loop) as runner:
        rates = runner.run(drive(Task(dsn, int(jobs), int(concurrency))))
    print(json.dumps(rates._asdict()), flush=True)
