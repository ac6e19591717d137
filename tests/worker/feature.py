"""A feature module of an application, for tests in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass

from pgqueue import Job, Processors, Queue


@dataclass(frozen=True)
class Entry:
    """What is written into the application's ledger."""

    text: str


LEDGER = Queue("ledger", Entry)
FATAL = Queue("fatal", Entry)
ENDLESS = Queue("endless", Entry)

SCHEMA = "create table ledger (job bigint, attempt int, text text, pid int)"
WRITE = "insert into ledger values (%s, %s, %s, %s)"

processors = Processors()


@processors.process(LEDGER)
async def write(job: Job[Entry]) -> None:
    """Write a line, fenced by the lease."""
    async with job.transaction() as conn:
        await conn.execute(WRITE, (job.id, job.attempt, job.payload.text, os.getpid()))


@processors.process(FATAL, attempts=2)
async def kill(job: Job[Entry]) -> None:
    """Kill the worker that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)


@processors.process(ENDLESS)
async def hold(job: Job[Entry]) -> None:
    """Never end."""
    await asyncio.Event().wait()
