"""An application whose handlers run in processes of their own, or will not end."""

from __future__ import annotations

import asyncio
import re
from time import monotonic

from pgqueue import Job, Postgres, Processors, Queue, Worker, fixed
from tests.chaos.apps.exits import leave
from tests.chaos.ledger import note

APART = Queue("apart", str)
REGEX = Queue("regex", float)
SPINS = Queue("spins", int)
SWALLOWS = Queue("swallows", int)
SOON = fixed("20ms")

processors = Processors()


@processors.process(APART, run="process", attempts=2, backoff=SOON)
def apart(job: Job[str]) -> None:
    """End as the payload says, or without harm."""
    if job.payload != "innocent":
        leave(job)
    note("end", job.id, job.attempt)


@processors.process(REGEX, run="process")
def regex(job: Job[float]) -> None:
    """Let a regular expression hold the interpreter for so many seconds at a stretch."""
    note("start", job.id, job.attempt)
    for length in range(18, 60):
        began = monotonic()
        re.match(r"(a+)+$", "a" * length + "b")
        if monotonic() - began > job.payload:
            break
    note("end", job.id, job.attempt)


@processors.process(SPINS, attempts=2, backoff=SOON, timeout="200ms")
def spins(job: Job[int]) -> None:
    """Never end, the first time."""
    note("start", job.id, job.attempt)
    while job.attempt == 1:
        pass
    note("end", job.id, job.attempt)


@processors.process(SWALLOWS, attempts=2, backoff=SOON, timeout="200ms")
async def swallows(job: Job[int]) -> None:
    """Heed no cancellation, the first time."""
    note("start", job.id, job.attempt)
    while job.attempt == 1:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            note("swallowed", job.id, job.attempt)
    note("end", job.id, job.attempt)


worker = Worker(Postgres(), include=[processors])
