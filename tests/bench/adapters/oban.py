"""oban (the open one): `enqueue_many`, and one instance with a queue of the concurrency."""

from __future__ import annotations

import asyncio

import uvloop
from oban import Oban, job
from oban.schema import install
from psycopg_pool import AsyncConnectionPool

from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed

HANDLED: list[Handled] = []


async def nothing(file: str) -> None:
    HANDLED[0].one()


async def drive(task: Task) -> Rates:
    HANDLED.append(Handled(task.jobs))
    bench = job(queue="bench")(nothing)
    async with AsyncConnectionPool(task.dsn, min_size=4, max_size=20) as pool:
        await install(pool)
        jobs = [bench.new(PAYLOAD["file"]) for _ in range(task.jobs)]
        pushed = await timed(Oban(pool=pool).enqueue_many(jobs), task.jobs)
        if not task.concurrency:
            return Rates(pushed)

        async def work() -> None:
            async with Oban(pool=pool, name="worker", queues={"bench": task.concurrency}):
                await asyncio.Event().wait()

        return Rates(pushed, await drained(work(), HANDLED[0], task.jobs))


if __name__ == "__main__":
    main(drive, uvloop.new_event_loop)
