"""`current_job()`: deeper code finds its job, and never the job of another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, Worker, current_job
from tests.worker.running import Connection, drained, one, running, soon

WHO = "select application_name from pg_stat_activity where pid = pg_backend_pid()"


def test_outside_of_a_job_there_is_none() -> None:
    """A28: the error says that it is for handlers."""
    with pytest.raises(LookupError, match=r"current_job\(\) is for handlers"):
        current_job()


async def test_deeper_code_borrows_a_connection_of_the_workers(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A27: of the pool for handlers, awaited on the loop and plain on a thread."""
    applications: list[str] = []

    async def deep() -> None:
        async with current_job().connection() as mine:
            row = await (await mine.execute(WHO)).fetchone()
            applications.append(row[0])

    def deep_in_a_thread() -> None:
        with current_job().connection() as mine:
            applications.append(mine.execute(WHO).fetchone()[0])

    @processors.process("loop")
    async def on_the_loop(payload: int) -> None:
        await deep()

    @processors.process("thread")
    def on_a_thread(payload: int) -> None:
        deep_in_a_thread()

    pg.push("loop", 1, on=conn)
    pg.push("thread", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert len(applications) == 2
    assert all(name.startswith("pgqueue:job:") for name in applications)


async def test_it_is_the_job_of_the_attempt_in_everything_that_belongs_to_it(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A28: condition, middleware, context, handler, and the tasks and threads they start."""
    seen: list[tuple[str, int]] = []

    def see(where: str) -> bool:
        seen.append((where, current_job().payload))
        return True

    @processors.process("audio", condition=lambda payload: see("condition"))
    async def run(payload: int) -> None:
        see("handler")
        await asyncio.gather(asyncio.to_thread(see, "thread"))

    async def around(job: Job[Any], call_next: Callable[[], Awaitable[None]]) -> None:
        see("middleware")
        await call_next()

    @asynccontextmanager
    async def surround(job: Job[Any]) -> AsyncIterator[None]:
        see("context")
        yield

    places = ["condition", "middleware", "context", "handler", "thread"]
    pg.push_many("audio", [1, 2], on=conn)
    worker = Worker(
        pg, include=[processors], concurrency=1, middleware=[around], context=[surround]
    )
    async with running(worker):
        await drained(conn)
    assert seen == [(place, payload) for payload in (1, 2) for place in places]


async def test_jobs_that_run_beside_each_other_see_each_their_own(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A28: after both have begun, the loop's and the thread's job are still what they were."""
    both = asyncio.Barrier(2)
    seen: list[tuple[object, object]] = []

    @processors.process("loop")
    async def on_the_loop(payload: str) -> None:
        await both.wait()
        seen.append((payload, current_job().payload))

    loop = asyncio.get_running_loop()

    @processors.process("thread")
    def on_a_thread(payload: str) -> None:
        asyncio.run_coroutine_threadsafe(both.wait(), loop).result(10)
        seen.append((payload, current_job().payload))

    pg.push("loop", "one", on=conn)
    pg.push("thread", "two", on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert sorted(seen) == [("one", "one"), ("two", "two")]


async def test_a_job_that_pushes_does_not_hand_itself_on(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A28: whoever starts a worker from inside a job, its jobs are not that job's."""
    jobs: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    @processors.process("outer")
    async def outer(job: Job[None]) -> None:
        inner = Processors()

        @inner.process("inner")
        async def run(mine: Job[int]) -> None:
            jobs.put_nowait((mine.id, current_job().id))

        pg.push("inner", job.id, on=conn)
        async with running(Worker(pg, include=[inner])):
            assert await soon(jobs.get()) == (job.id + 1, job.id + 1)
        assert current_job().id == job.id

    pg.push("outer", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert one(conn, "select count(*) from pgqueue.dead_jobs") == 0
