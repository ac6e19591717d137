"""chancy: `push_many`, and a worker whose queue runs coroutines as tasks."""

from __future__ import annotations

import logging
from typing import Any

import chancy
from chancy.executors.asyncex import AsyncExecutor

from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed

HANDLED: list[Handled] = []


async def nothing(*, file: str) -> None:
    HANDLED[0].one()


async def drive(task: Task) -> Rates:
    HANDLED.append(Handled(task.jobs))
    executor = f"{AsyncExecutor.__module__}.{AsyncExecutor.__name__}"
    bench = chancy.job(queue="bench")(nothing)
    async with chancy.Chancy(task.dsn, log=logging.getLogger("quiet")) as app:
        await app.migrate()
        await app.declare(
            chancy.Queue(
                "bench",
                concurrency=max(1, task.concurrency),
                executor=executor,
                polling_interval=1,
                eager_polling=True,
            )
        )

        async def push() -> None:
            jobs: list[Any] = [bench.job.with_kwargs(**PAYLOAD)] * task.jobs
            async for _ in app.push_many(jobs):
                pass

        pushed = await timed(push(), task.jobs)
        if not task.concurrency:
            return Rates(pushed)

        async def work() -> None:
            async with chancy.Worker(app, register_signal_handlers=False) as worker:
                await worker.wait_for_shutdown()

        return Rates(pushed, await drained(work(), HANDLED[0], task.jobs))


if __name__ == "__main__":
    main(drive)
