"""The demo's application: a queue of source files, and the worker that indexes them.

`pgqueue work pgqueue_cli.demo.app:worker` runs it. Importing it does no I/O, so whoever pushes
imports the same queue.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pgqueue import Job, Postgres, Processors, Queue, Worker, fixed
from pgqueue_cli.demo.parsing import definitions
from pgqueue_cli.demo.runs import Runs


@dataclass(frozen=True)
class Source:
    """The payload: a row of `demo.files`, and where its file is."""

    file: int
    path: str


SOURCES = Queue("sources", Source)
RETRIES = 2

pg = Postgres()
processors = Processors()
worker = Worker(pg, include=[processors])
runs = Runs(pg.config)


@processors.process(SOURCES.dead)
async def note(job: Job[Source]) -> None:
    """Write down which file could not be indexed; its dead letter stays, and can be redriven."""
    await runs.note_death(job)


@processors.process(SOURCES, retries=RETRIES, backoff=fixed("200ms"))
async def index(job: Job[Source]) -> None:
    """Parse a file, and write what it defines in the transaction that completes the job."""
    await runs.note(job)
    # Milliseconds a file. Longer work belongs in a plain `def`, which runs on a thread.
    found = definitions(Path(job.payload.path))
    file = job.payload.file
    async with job.transaction() as conn:
        async with conn.cursor().copy("copy demo.definitions from stdin") as copy:
            for name, kind, line in found:
                await copy.write_row((file, name, kind, line))
        await conn.execute("update demo.files set status = 'indexed' where id = %s", (file,))
        await conn.execute(
            "insert into demo.indexed (file, job, attempt, worker, definitions) "
            "values (%s, %s, %s, %s, %s)",
            (file, job.id, job.attempt, os.getpid(), len(found)),
        )
