"""awa-pg: COPY into its queue storage, then a worker of the given concurrency."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import awa
import uvloop

from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed


@dataclass
class Bench:
    file: str


async def drive(task: Task) -> Rates:
    await awa.migrate(task.dsn)
    client = awa.AsyncClient(task.dsn, max_connections=20)
    jobs = [Bench(**PAYLOAD)] * task.jobs
    try:
        pushed = await timed(client.enqueue_many_copy(jobs, queue="bench"), task.jobs)
    except Exception:
        # A fresh schema may refuse its direct COPY; the other one is its documented way then.
        pushed = await timed(client.insert_many_copy(jobs, queue="bench"), task.jobs)
    if not task.concurrency:
        return Rates(pushed)
    handled = Handled(task.jobs)

    async def nothing(job: Any) -> None:
        handled.one()

    client.task(Bench, queue="bench")(nothing)

    async def work() -> None:
        await client.start([("bench", task.concurrency)])
        await asyncio.Event().wait()

    rate = await drained(work(), handled, task.jobs)
    await client.shutdown()
    return Rates(pushed, rate)


if __name__ == "__main__":
    main(drive, uvloop.new_event_loop)
