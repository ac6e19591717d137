"""Runs workers inside a test, and waits for what they do: events, or a state of the rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeVar

import psycopg

from pgqueue import Worker

T = TypeVar("T")
Connection = psycopg.Connection[Any]

PATIENCE = 45.0
_LOOK_AGAIN = 0.01

SLEEPING = """
select count(distinct pid) from pg_locks
where locktype = 'advisory' and classid = 7067 and granted and pid <> pg_backend_pid()
  and database = (select oid from pg_database where datname = current_database())"""


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker beside the block; its error ends the block, and it has to stop in time."""
    body = asyncio.current_task()
    assert body is not None
    task = asyncio.create_task(worker.run())

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            body.cancel()

    task.add_done_callback(ended)
    try:
        yield task
    except asyncio.CancelledError:
        if not task.done() or task.cancelled() or task.exception() is None:
            raise
        body.uncancel()
    finally:
        task.remove_done_callback(ended)
        worker.stop()
        await finished(task)
    if not task.cancelled():
        task.result()


async def finished(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended; one that does not is cancelled, and an error."""
    done, _ = await asyncio.wait([task], timeout=PATIENCE)
    if not done:
        task.cancel()
        raise AssertionError(f"the worker did not stop within {PATIENCE} s")


async def soon(awaitable: Awaitable[T]) -> T:
    """Wait for something that must happen, and not for ever."""
    try:
        return await asyncio.wait_for(awaitable, PATIENCE)
    except TimeoutError:
        raise AssertionError(f"{awaitable} did not happen within {PATIENCE} s") from None


async def eventually(look: Callable[[], object], wanted: object) -> None:
    """Look again until a state of the database is as wanted."""
    deadline = monotonic() + PATIENCE
    while (found := look()) != wanted:
        assert monotonic() < deadline, f"still {found!r} after {PATIENCE} s, not {wanted!r}"
        await asyncio.sleep(_LOOK_AGAIN)


def one(conn: Connection, query: str, *parameters: object) -> Any:
    """Return the only value, or the only row, that a query finds; None if it finds none."""
    row = conn.execute(query.encode(), parameters or None).fetchone()
    return row[0] if row and len(row) == 1 else row


def census(conn: Connection) -> dict[str, int]:
    """Return how many jobs are in each state, leaving out the states that have none."""
    rows = conn.execute("""
        select case when lease is null or visible_at <= now() then 'ready' else 'leased' end,
          count(*) from pgqueue.jobs group by 1
        union all select 'scheduled', count(*) from pgqueue.scheduled_jobs having count(*) > 0
        union all select 'dead', count(*) from pgqueue.dead_jobs having count(*) > 0""")
    return {str(state): int(count) for state, count in rows}


async def drained(conn: Connection) -> None:
    """Wait until no job is left but the dead."""
    await eventually(lambda: sorted(set(census(conn)) - {"dead"}), [])
