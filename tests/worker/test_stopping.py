"""Stopping: what runs may finish, what does not finish is given back, and nothing hangs."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pgqueue import Job, Postgres, Processors, Worker, fixed
from pgqueue.outcome import Release
from pgqueue.policy import Limits
from pgqueue.seam import Delivery, Lease, Settlement
from pgqueue.worker.dispatcher import Dispatcher
from pgqueue.worker.executors import Executors
from pgqueue.worker.outbox import Outbox
from pgqueue.worker.runner import Runner
from pgqueue.worker.slots import Slots
from pgqueue.worker.stuck import Stuck
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, census, drained, eventually, finished, running, soon

STORED = """
select lease is null and worker is null and visible_at <= now(), attempt, failures
from pgqueue.jobs"""


def driver(dsn: str, **settings: Any) -> Postgres:
    return Postgres(dsn, **(QUICK | settings))


class Handlers:
    """Attempts that report their start, and end when they are let go."""

    def __init__(self, processors: Processors) -> None:
        self.started: asyncio.Queue[int] = asyncio.Queue()
        self.go = asyncio.Event()
        self.cancelled: list[int] = []

        @processors.process("audio")
        async def run(job: Job[int]) -> None:
            self.started.put_nowait(job.payload)
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled.append(job.payload)
                raise


async def test_what_runs_may_finish_and_nothing_new_is_claimed(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """B21: three in flight when the stop comes: they finish, a fourth stays, run returns."""
    caplog.set_level("INFO", "pgqueue.worker")
    handlers = Handlers(processors)
    pg.push_many("audio", range(4), on=conn)
    worker = Worker(pg, include=[processors], concurrency=3)
    async with running(worker) as task:
        for _ in range(3):
            await soon(handlers.started.get())
        worker.stop()
        await eventually(lambda: "is stopping: 3 jobs" in caplog.text, True)
        handlers.go.set()
        await finished(task)
    assert handlers.started.empty()
    assert (census(conn), handlers.cancelled) == ({"ready": 1}, [])


async def test_what_outlasts_the_grace_is_given_back_and_a_sibling_starts_it(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """B22: cancelled at the bound, released uncounted, run at once by the sibling."""
    handlers = Handlers(processors)
    # A long lease and poll: nothing but the release can bring the job to the sibling in time.
    pg = driver(dsn, shutdown_timeout="100ms", lease="60s", poll_interval="60s")
    again: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
    others = Processors()

    @others.process("audio")
    async def run(job: Job[int]) -> None:
        again.put_nowait((job.payload, job.attempt))

    pg.push("audio", 7, on=conn)
    worker = Worker(pg, include=[processors])
    async with running(worker) as task:
        await soon(handlers.started.get())
        async with running(Worker(pg, include=[others])):
            worker.stop()
            assert await soon(again.get()) == (7, 1)
            await finished(task)
            await drained(conn)
    assert handlers.cancelled == [7]


async def test_an_attempt_that_is_released_is_as_if_it_had_never_been(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """B22: no attempt, no failure and no lease stays behind."""
    handlers = Handlers(processors)
    pg = driver(dsn, shutdown_timeout="0s")
    pg.push("audio", 7, on=conn)
    async with running(Worker(pg, include=[processors])):
        await soon(handlers.started.get())
    assert conn.execute(STORED).fetchall() == [(True, 0, None)]


async def test_a_second_stop_releases_without_waiting_for_the_grace(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """B22: the first stop drains, the second one gives back."""
    handlers = Handlers(processors)
    pg = driver(dsn, shutdown_timeout="60s")
    pg.push("audio", 7, on=conn)
    worker = Worker(pg, include=[processors])
    async with running(worker) as task:
        await soon(handlers.started.get())
        worker.stop()
        worker.stop()
        await finished(task)
    assert conn.execute(STORED).fetchall() == [(True, 0, None)]


async def test_cancelling_a_worker_releases_its_jobs_at_once(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """B22: whoever cancels `run` gets the cancellation back, with every lease given up."""
    handlers = Handlers(processors)
    pg = driver(dsn, shutdown_timeout="60s", lease="60s")
    pg.push_many("audio", range(3), on=conn)
    async with running(Worker(pg, include=[processors])) as task:
        for _ in range(3):
            await soon(handlers.started.get())
        task.cancel()
        await finished(task)
    assert task.cancelled()
    assert conn.execute(STORED).fetchall() == [(True, 0, None)] * 3


async def test_a_job_whose_claim_was_under_way_at_the_stop_is_given_back(
    dsn: str,
    processors: Processors,
    conn: Connection,
    aconn: psycopg.AsyncConnection[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """B22: a claim that returns after the grace leaves nothing leased, and nothing running."""
    caplog.set_level("INFO", "pgqueue.worker")
    handlers = Handlers(processors)
    pg = driver(dsn, shutdown_timeout="0s", lease="60s")
    worker = Worker(pg, include=[processors])
    async with running(worker) as task:
        async with aconn.transaction():
            await aconn.execute("lock table pgqueue.jobs in exclusive mode")
            await eventually(lambda: waiting_claims(conn), 1)
            worker.stop()
            await eventually(lambda: "is stopping" in caplog.text, True)
            await pg.push("audio", 7, on=aconn)
        await finished(task)
    assert conn.execute(STORED).fetchall() == [(True, 0, None)]
    assert handlers.cancelled == [7]


async def test_a_claim_that_comes_too_late_is_given_back_without_a_start() -> None:
    """B22: nothing is started once the handlers have been cancelled."""
    outbox = Outbox()
    limits = Limits(attempts=1, backoff=fixed(1), timeout=None)
    source: Any = None
    slots, dispatcher = Slots(1, []), Dispatcher(Executors(1))
    runner = Runner(
        source, {}, slots, outbox, dispatcher, configured=lambda _: limits, stuck=Stuck(1)
    )
    runner.release()
    moment = datetime.now(UTC)
    late = Delivery(1, 2, "audio", None, 5, 1, 1, None, None, None, "{}", moment, False, False)
    runner.start(late)
    assert [one.settlement for one in outbox.batch()] == [Settlement(Lease(1, 2), Release())]


def waiting_claims(conn: Connection) -> int:
    found = conn.execute(
        "select from pg_stat_activity where wait_event_type = 'Lock'"
        " and datname = current_database() and application_name like 'pgqueue:worker:%'"
        " and query not like 'with gone as%'"  # the sweeper's, which claims nothing
    )
    return found.rowcount


async def test_a_stuck_thread_does_not_keep_the_worker(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """B22: a blocking handler cannot be cancelled; its job is given back all the same."""
    started, go = threading.Event(), threading.Event()

    @processors.process("audio")
    def block(payload: int) -> None:
        started.set()
        go.wait()

    pg = driver(dsn, shutdown_timeout="100ms", lease="60s")
    pg.push("audio", 7, on=conn)
    try:
        async with running(Worker(pg, include=[processors])):
            await asyncio.to_thread(started.wait)
        assert conn.execute(STORED).fetchall() == [(True, 0, None)]
    finally:
        go.set()


async def test_a_handler_that_ignores_its_cancellation_loses_its_job(
    dsn: str, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """B22: it is given back all the same, uncounted; what the handler still does is fenced off."""
    started, go = asyncio.Event(), asyncio.Event()

    @processors.process("audio")
    async def stubborn(payload: int) -> None:
        started.set()
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    pg = driver(dsn, shutdown_timeout="100ms", lease="60s")
    pg.push("audio", 7, on=conn)
    async with running(Worker(pg, include=[processors])):
        await soon(started.wait())
    go.set()
    assert conn.execute(STORED).fetchall() == [(True, 0, None)]
    assert "was cancelled and does not end" in caplog.text


@pytest.mark.parametrize("include", ["nothing", "an empty set"])
async def test_a_worker_without_processors_idles_until_it_is_stopped(
    pg: Postgres, include: str
) -> None:
    """B16: it starts, waits, and returns cleanly."""
    worker = Worker(pg, include=[] if include == "nothing" else [Processors()])
    stop = asyncio.Event()
    await worker.configure()
    serving = asyncio.create_task(worker.serve(stop))
    done, _ = await asyncio.wait([serving], timeout=0.3)
    assert not done
    stop.set()
    await finished(serving)
    serving.result()
