"""An application whose queue has one processor, for one name, and none for the others."""

from __future__ import annotations

from pgqueue import Job, Postgres, Processors, Worker
from tests.chaos.apps.ordinary import QUICK
from tests.chaos.ledger import note

processors = Processors()


@processors.process(QUICK, name="known")
async def known(job: Job[int]) -> None:
    """Do next to nothing."""
    note("start", job.id, job.attempt)
    note("end", job.id, job.attempt)


worker = Worker(Postgres(), include=[processors])
