"""The application of most tests here: its handlers tell the ledger what they do."""

from __future__ import annotations

import asyncio
import os
import time

from pgqueue import Job, Postgres, Processors, Queue, Worker, fixed
from tests.chaos.ledger import is_open, note

QUICK = Queue("quick", int)
GATED = Queue("gated", int)
FENCED = Queue("fenced", int)
THREAD = Queue("thread", int)
FAILING = Queue("failing", int)

SCHEMA = "create table effects (job bigint, attempt int, pid int)"
WRITE = "insert into effects values (%s, %s, %s)"
SOON = fixed("50ms")

processors = Processors()


@processors.process(QUICK)
async def quick(job: Job[int]) -> None:
    """Do next to nothing."""
    note("start", job.id, job.attempt)
    note("end", job.id, job.attempt)


@processors.process(GATED)
async def gated(job: Job[int]) -> None:
    """Run until the test opens the gate."""
    note("start", job.id, job.attempt)
    try:
        while not is_open():
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        note("cancelled", job.id, job.attempt)
        raise
    note("end", job.id, job.attempt)


@processors.process(THREAD)
def thread(job: Job[int]) -> None:
    """Run on a thread until the test opens the gate."""
    note("start", job.id, job.attempt)
    while not is_open():
        time.sleep(0.02)
    note("end", job.id, job.attempt)


@processors.process(FENCED)
async def fenced(job: Job[int]) -> None:
    """Write an effect that the lease fences, when the gate is open."""
    note("start", job.id, job.attempt)
    async with job.transaction() as conn:
        await conn.execute(WRITE, (job.id, job.attempt, os.getpid()))
        while not is_open():
            await asyncio.sleep(0.02)
    note("end", job.id, job.attempt)


@processors.process(FAILING, attempts=3, backoff=SOON)
async def failing(job: Job[int]) -> None:
    """Fail every time."""
    note("start", job.id, job.attempt)
    raise RuntimeError("it fails")


worker = Worker(Postgres(), include=[processors])
