"""pgqueue, as `pgqueue work` runs it: on uvloop, settings as they are."""

from __future__ import annotations

import gc

import psycopg
import uvloop

from pgqueue import Postgres, Processors, Worker
from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed


async def drive(task: Task) -> Rates:
    pg = Postgres(task.dsn)
    payloads = [PAYLOAD] * task.jobs
    async with await psycopg.AsyncConnection.connect(task.dsn, autocommit=True) as conn:
        pushed = await timed(pg.push_many("bench", payloads, on=conn), task.jobs)
    if not task.concurrency:
        return Rates(pushed)
    handled = Handled(task.jobs)
    processors = Processors()

    @processors.process("bench")
    async def nothing(payload: object) -> None:
        handled.one()

    gc.collect()
    gc.freeze()
    worker = Worker(pg, include=[processors], concurrency=task.concurrency)
    return Rates(pushed, await drained(worker.run(), handled, task.jobs))


if __name__ == "__main__":
    main(drive, uvloop.new_event_loop)
