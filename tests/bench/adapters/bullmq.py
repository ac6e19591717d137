"""BullMQ's port to Python on its Postgres backend: `addBulk`, and one worker."""

from __future__ import annotations

from typing import Any

from bullmq import Queue, Worker

from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed


async def drive(task: Task) -> Rates:
    where = {"backend": "postgres", "connection": task.dsn}
    queue = Queue("bench", {**where, "defaultJobOptions": {"removeOnComplete": True}})
    jobs = [{"name": "bench", "data": PAYLOAD}] * task.jobs
    pushed = await timed(queue.addBulk(jobs), task.jobs)
    if not task.concurrency:
        return Rates(pushed)
    handled = Handled(task.jobs)

    async def nothing(job: Any, token: str) -> None:
        handled.one()

    options = {**where, "concurrency": task.concurrency, "autorun": False}
    worker = Worker("bench", nothing, options)
    return Rates(pushed, await drained(worker.run(), handled, task.jobs))


if __name__ == "__main__":
    main(drive)
