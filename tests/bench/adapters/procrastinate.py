"""procrastinate on psycopg: `batch_defer_async`, then a worker that deletes what is done."""

from __future__ import annotations

import uvloop
from procrastinate import App, PsycopgConnector

from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed


async def drive(task: Task) -> Rates:
    handled = Handled(task.jobs)
    app = App(connector=PsycopgConnector(conninfo=task.dsn, min_size=4, max_size=20))

    async def nothing(file: str) -> None:
        handled.one()

    bench = app.task(name="bench")(nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        pushed = await timed(bench.batch_defer_async(*[PAYLOAD] * task.jobs), task.jobs)
        if not task.concurrency:
            return Rates(pushed)
        running = app.run_worker_async(
            concurrency=task.concurrency, delete_jobs="always", install_signal_handlers=False
        )
        return Rates(pushed, await drained(running, handled, task.jobs))


if __name__ == "__main__":
    main(drive, uvloop.new_event_loop)
