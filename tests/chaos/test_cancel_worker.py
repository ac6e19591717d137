"""A worker that is cancelled wherever it waits leaves no connection, no thread, and no job."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

from pgqueue import Job, Postgres, Processors, Worker
from pgqueue.worker.attempt import Attempt
from pgqueue.worker.keeper import Keeper
from tests.chaos.cancelling import at_every_await
from tests.chaos.test_cancel import OPEN, claim
from tests.worker.running import Connection, census, drained, eventually, one, running

HELD = """
select coalesce(bool_and(visible_at <= now() + interval '60 s' and attempt <= 2), true)
from pgqueue.jobs"""


def keepers() -> int:
    return sum(thread.name == "pgqueue-keeper" for thread in threading.enumerate())


async def test_a_worker_from_its_start_to_its_end(pg: Postgres, conn: Connection) -> None:
    """M37, M26, P1: its jobs are done, or given back, or wait for their lease; none is lost."""
    worked: list[int] = []

    async def run(_: int) -> bool:
        processors = Processors()
        worker = Worker(pg, include=[processors])

        @processors.process("audio")
        async def handle(job: Job[int]) -> None:
            worked.append(job.id)
            await asyncio.sleep(0)
            worker.stop()

        await worker.run()
        return True

    pushed: list[int] = []

    def push() -> None:
        pushed.append(pg.push("audio", 0, on=conn))

    push()

    async for k, ended in at_every_await(run):
        await eventually(lambda: one(conn, OPEN), 0)
        await eventually(keepers, 0)
        assert one(conn, HELD) is True
        assert not ended or k > 5
        push()
    conn.execute("update pgqueue.jobs set visible_at = now()")
    rest = Processors()

    @rest.process("audio")
    async def finish(job: Job[int]) -> None:
        worked.append(job.id)

    async with running(Worker(pg, include=[rest])):
        await drained(conn)
    assert set(worked) == set(pushed)
    assert census(conn) == {}


async def test_the_thread_that_keeps_leases(pg: Postgres, conn: Connection) -> None:
    """M37, M26: cancelled while it starts, works or stops: thread and connection are gone."""
    pg.push("audio", None, on=conn)
    lost: list[object] = []
    async with pg.source(["audio"], "test") as source:
        [delivery] = await source.claim(claim(7))

        async def keep(k: int) -> bool:
            attempt = Attempt(delivery, None)
            attempt.leased_at -= 60
            keeper = Keeper(
                source,
                lambda: [attempt],
                lost.append,
                lease=timedelta(seconds=30),
                heartbeat=timedelta(milliseconds=20),
            )
            asyncio.get_running_loop().call_later(0.3, keeper.stop)
            await keeper.run()
            return True

        async for k, ended in at_every_await(keep):
            await eventually(keepers, 0)
            assert not ended or k > 2
        assert lost == []
    await eventually(lambda: one(conn, OPEN), 0)
