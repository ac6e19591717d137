"""An application whose handlers end in every way that there is."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable

from pgqueue import Job, Postgres, Processors, Queue, Worker, fixed
from tests.chaos.ledger import note

LOOP = Queue("loop", str)
THREAD = Queue("thread", str)
INNOCENT = Queue("innocent", int)
SOON = fixed("20ms")

processors = Processors()


class Bare(BaseException):
    """Nobody's subclass."""


def _raise(error: BaseException) -> None:
    raise error


def _recurse() -> None:
    _recurse()


def _exhaust() -> None:
    bytearray(2**50)


SURVIVED: dict[str, Callable[[], object]] = {
    "sys.exit": lambda: sys.exit(3),
    "KeyboardInterrupt": lambda: _raise(KeyboardInterrupt()),
    "GeneratorExit": lambda: _raise(GeneratorExit()),
    "StopIteration": lambda: _raise(StopIteration()),
    "CancelledError": lambda: _raise(asyncio.CancelledError()),
    "bare BaseException": lambda: _raise(Bare("no more")),
    "group": lambda: _raise(BaseExceptionGroup("both", [SystemExit(1), KeyboardInterrupt()])),
    "recursion": _recurse,
    "memory": _exhaust,
}
DEADLY: dict[str, Callable[[], object]] = {
    "os._exit(0)": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
}
EXITS = SURVIVED | DEADLY


def leave(job: Job[str]) -> None:
    """End as the payload says."""
    note("start", job.id, job.attempt)
    EXITS[job.payload]()


@processors.process(LOOP, attempts=2, backoff=SOON)
async def on_the_loop(job: Job[str]) -> None:
    """End on the event loop."""
    leave(job)


@processors.process(THREAD, attempts=2, backoff=SOON)
def on_a_thread(job: Job[str]) -> None:
    """End on a thread."""
    leave(job)


@processors.process(INNOCENT)
async def innocent(job: Job[int]) -> None:
    """Do nothing to anybody."""
    note("start", job.id, job.attempt)
    note("end", job.id, job.attempt)


worker = Worker(Postgres(), include=[processors])
