"""pgqueuer on asyncpg or psycopg: the fourth argument says which.

Jobs are pushed by its bulk `enqueue` and drained with batches as large as the
concurrency (its own rule then asks for twice as many tasks) and uvloop, as its command does.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import asyncpg
import psycopg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from tests.bench.adapters.driving import PAYLOAD, Handled, Rates, Task, drained, main, timed


async def drive(task: Task) -> Rates:
    queue, queries = await _opened(task.dsn)
    await queries.install()
    many = task.jobs
    payloads = [json.dumps(PAYLOAD).encode()] * many
    pushed = await timed(queries.enqueue(["bench"] * many, payloads, [0] * many), many)
    if not task.concurrency:
        return Rates(pushed)
    handled = Handled(many)

    async def nothing(job: Any) -> None:
        handled.one()

    queue.entrypoint("bench")(nothing)
    running = queue.run(
        batch_size=task.concurrency,
        max_concurrent_tasks=2 * task.concurrency,
        mode=QueueExecutionMode.continuous,
    )
    return Rates(pushed, await drained(running, handled, many))


async def _opened(dsn: str) -> tuple[Any, Any]:
    if sys.argv[4] == "psycopg":
        conn = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        return PgQueuer.from_psycopg_connection(conn), Queries.from_psycopg_connection(conn)
    other = await asyncpg.connect(dsn)
    return PgQueuer.from_asyncpg_connection(other), Queries.from_asyncpg_connection(other)


if __name__ == "__main__":
    main(drive, uvloop.new_event_loop)
