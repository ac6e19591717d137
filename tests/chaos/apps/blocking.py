"""An application whose handler does what it must not: it holds up the event loop."""

from __future__ import annotations

import time

from pgqueue import Job, Postgres, Processors, Queue, Worker
from tests.chaos.ledger import note

BLOCKING = Queue("blocking", float)

processors = Processors()


@processors.process(BLOCKING, attempts=3)
async def block(job: Job[float]) -> None:
    """Block the loop for so many seconds."""
    note("start", job.id, job.attempt)
    time.sleep(job.payload)
    note("end", job.id, job.attempt)


worker = Worker(Postgres(), include=[processors])
