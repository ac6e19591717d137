"""An application whose jobs take a moment, and leave an effect that must be there once."""

from __future__ import annotations

import asyncio
import os

from pgqueue import Job, Postgres, Processors, Queue, Worker
from tests.chaos.apps.ordinary import WRITE
from tests.chaos.ledger import note

COUNTED = Queue("counted", int)
SLOW = Queue("slow", int)

processors = Processors()


@processors.process(COUNTED, attempts=50)
async def counted(job: Job[int]) -> None:
    """Take a moment, and write the effect with the completion."""
    note("start", job.id, job.attempt)
    try:
        await asyncio.sleep(0.03)
        async with job.transaction() as conn:
            await conn.execute(WRITE, (job.id, job.attempt, os.getpid()))
    except BaseException as error:
        note(type(error).__name__, job.id, job.attempt)
        raise
    note("end", job.id, job.attempt)


@processors.process(SLOW, attempts=50)
async def slow(job: Job[int]) -> None:
    """Take longer than a shutdown waits, unless nobody shuts down."""
    note("start", job.id, job.attempt)
    try:
        await asyncio.sleep(2)
    except asyncio.CancelledError:
        note("cancelled", job.id, job.attempt)
        raise
    note("end", job.id, job.attempt)


worker = Worker(Postgres(), include=[processors])
