"""Processes that fork: python -m tests.worker.forking preload|handler LOOP."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

from pgqueue import Job, Postgres, Processors, Worker
from pgqueue.worker import process
from pgqueue.worker.loops import Loop

pg = Postgres()
processors = Processors()
_fork = multiprocessing.get_context("fork")


async def _push(queue: str) -> None:
    await pg.push(queue, os.getpid())


def push(queue: str) -> None:
    """Push in an event loop of its own."""
    asyncio.run(_push(queue))


def in_a_child(call: Callable[[], object]) -> None:
    """Fork, call, and wait; a child that fails is an error."""
    child = _fork.Process(target=call)
    child.start()
    child.join()
    assert child.exitcode == 0, child.exitcode


def preload() -> None:
    """Push, fork and push on both sides, as a server does that loads its application first."""
    push("parent")
    for _ in range(2):
        in_a_child(lambda: push("child"))
        push("parent")


@processors.process("loop")
async def on_the_loop(job: Job[int]) -> None:
    """Use the worker's connections before, in and after a child."""
    await _push("parent")
    in_a_child(lambda: push("child"))
    async with job.transaction() as mine:
        await mine.execute("select 1")
    await _push("parent")


@processors.process("thread")
def in_a_thread(job: Job[int]) -> None:
    """Do the same with the connections of threads."""

    def ask() -> None:
        with job.connection() as mine:
            assert mine.execute("select 7").fetchone() == (7,)

    ask()
    in_a_child(ask)
    with job.transaction() as mine:
        mine.execute("select 1")


@processors.process("ended")
def end_a_child(job: Job[int]) -> None:
    """Fork a child that sleeps, and end it by the signal that drains a worker."""
    child = _fork.Process(target=signal.pause)
    child.start()
    child.terminate()
    child.join()
    assert child.exitcode == -signal.SIGTERM, child.exitcode


if __name__ == "__main__":
    if sys.argv[1] == "preload":
        preload()
    else:
        kind: Loop = "uvloop" if sys.argv[2] == "uvloop" else "asyncio"
        sys.exit(process.run(Worker(pg, include=[processors]), loop=kind))
