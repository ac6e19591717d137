"""absurd: its SDK has no bulk push; a worker polls, in batches as large as the concurrency."""

from __future__ import annotations

from typing import Any

import psycopg
from absurd_sdk import AsyncAbsurd
from absurdctl import BUNDLED_SCHEMA_SQL

from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed


async def drive(task: Task) -> Rates:
    async with await psycopg.AsyncConnection.connect(task.dsn, autocommit=True) as conn:
        await conn.execute(BUNDLED_SCHEMA_SQL)
    app = AsyncAbsurd(task.dsn, queue_name="bench")
    await app.create_queue()
    handled = Handled(task.jobs)

    async def nothing(params: Any, context: Any) -> None:
        handled.one()

    app.register_task(name="bench")(nothing)

    async def push() -> None:
        for _ in range(task.jobs):
            await app.spawn("bench", PAYLOAD)

    pushed = await timed(push(), task.jobs)
    if not task.concurrency:
        return Rates(pushed)
    working = app.start_worker(concurrency=task.concurrency, poll_interval=0.01)
    return Rates(pushed, await drained(working, handled, task.jobs))


if __name__ == "__main__":
    main(drive)
