"""How soon a sleeping worker starts a job: by the doorbell, and without it."""

from __future__ import annotations

import asyncio
from statistics import median
from time import monotonic
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.conftest import QUICK
from tests.worker.running import SLEEPING, Connection, drained, eventually, one, running, soon

pytestmark = pytest.mark.usefixtures("listening")

LISTENERS = """
select count(*) from pg_stat_activity
where datname = current_database() and query in ('listen pgqueue', 'listen pgqueue\n')"""
QUIET = """
select max(state_change) < clock_timestamp() - interval '300 ms' from pg_stat_activity
where datname = current_database() and application_name like 'pgqueue:worker:%'"""
HANG_UP = SLEEPING.replace("count(distinct pid)", "pg_terminate_backend(pid)")


def slow_poll(dsn: str) -> Postgres:
    return Postgres(dsn, **(QUICK | {"poll_interval": "30s"}))


async def asleep(conn: Connection) -> None:
    """Wait until a worker holds the doorbell."""
    await eventually(lambda: one(conn, SLEEPING), 1)


@pytest.fixture
def started(processors: Processors) -> asyncio.Queue[float]:
    """When each attempt of queue audio began."""
    moments: asyncio.Queue[float] = asyncio.Queue()

    @processors.process("audio")
    async def run(payload: object) -> None:
        moments.put_nowait(monotonic())

    return moments


async def test_a_sleeping_worker_starts_a_job_as_soon_as_its_push_commits(
    dsn: str, processors: Processors, conn: Connection, started: asyncio.Queue[float]
) -> None:
    """B37: within 50 ms in the median, although it polls every 30 s."""
    pg = slow_poll(dsn)
    waits = []
    async with running(Worker(pg, include=[processors])):
        for _ in range(5):
            await asleep(conn)
            # Past the looks that it takes after falling asleep only the bell is left.
            await eventually(lambda: one(conn, QUIET), True)
            pushed = monotonic()
            await asyncio.to_thread(pg.push, "audio", 1, on=conn)
            waits.append(await soon(started.get()) - pushed)
    assert median(waits) < 0.05, waits


async def test_a_push_wakes_nobody_before_it_commits(
    dsn: str,
    processors: Processors,
    conn: Connection,
    aconn: Any,
    started: asyncio.Queue[float],
) -> None:
    """B37: the bell rings at the commit; rolled back, it never rings."""
    pg = slow_poll(dsn)
    async with running(Worker(pg, include=[processors])):
        await asleep(conn)
        async with aconn.transaction(force_rollback=True):
            await pg.push("audio", 1, on=aconn)
        async with aconn.transaction():
            await pg.push("audio", 2, on=aconn)
            assert started.empty()
        await soon(started.get())
        await drained(conn)
    assert started.empty()


async def test_without_the_bell_a_job_starts_within_one_poll(
    pg: Postgres, processors: Processors, conn: Connection, started: asyncio.Queue[float]
) -> None:
    """B37, C07: a push that rings nobody is found by the poll, here every 200 ms."""
    async with running(Worker(pg, include=[processors])):
        await asleep(conn)
        pushed = monotonic()
        pg.push("audio", 1, on=conn, notify=False)
        assert await soon(started.get()) - pushed < 1


async def test_a_lost_listening_connection_is_opened_again(
    dsn: str, processors: Processors, conn: Connection, started: asyncio.Queue[float]
) -> None:
    """B37: nothing is missed meanwhile, and the bell works again."""
    pg = slow_poll(dsn)
    async with running(Worker(pg, include=[processors])):
        for _ in range(3):
            await asleep(conn)
            conn.execute(HANG_UP)
            hung_up = monotonic()
            pg.push("audio", 1, on=conn)
            assert await soon(started.get()) - hung_up < 2


async def test_while_nobody_can_listen_the_worker_polls_every_second(
    dsn: str,
    server: Connection,
    processors: Processors,
    conn: Connection,
    started: asyncio.Queue[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """B37: no new connection is let in: jobs start by the degraded poll, and it is said."""
    pg = slow_poll(dsn)
    database = conn.info.dbname
    async with running(Worker(pg, include=[processors])):
        await asleep(conn)
        server.execute(f'alter database "{database}" allow_connections false')
        conn.execute(HANG_UP)
        for _ in range(2):
            await eventually(lambda: one(conn, QUIET), True)
            pushed = monotonic()
            pg.push("audio", 1, on=conn)
            assert await soon(started.get()) - pushed < 2.5
        server.execute(f'alter database "{database}" allow_connections true')
        await asleep(conn)
        assert one(conn, LISTENERS) <= 1
    assert "degraded: polling" in caplog.text


async def test_while_somebody_else_holds_the_bells_the_worker_polls(
    dsn: str,
    processors: Processors,
    conn: Connection,
    started: asyncio.Queue[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """B37, P8, M43: anybody may take the lock: it is waited for by nobody, and said once."""
    held, go = asyncio.Event(), asyncio.Event()

    @processors.process("full", concurrency=1)
    async def hold(payload: int) -> None:
        held.set()
        await go.wait()

    pg = slow_poll(dsn)
    pg.push("full", 1, on=conn)
    conn.execute(
        "select pg_advisory_lock(7067, (pgqueue.bell('') & ~31) | bell) "
        "from generate_series(0, 31) bell"
    )
    async with running(Worker(pg, include=[processors])):
        await soon(held.wait())
        await eventually(lambda: "somebody holds the doorbell" in caplog.text, True)
        go.set()
        await drained(conn)
        pg.push("audio", 1, on=conn)
        await soon(started.get())
        conn.execute("select pg_advisory_unlock_all()")
        await asleep(conn)
        await eventually(lambda: one(conn, QUIET), True)
        pg.push("audio", 1, on=conn)
        await soon(started.get())


async def test_a_delayed_job_starts_when_it_is_due_and_not_before(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """B37: a sleeping worker wakes for it by itself, long before its next poll."""
    lateness: asyncio.Queue[float] = asyncio.Queue()

    @processors.process("timed")
    async def run(job: Job[str]) -> None:
        due = await asyncio.to_thread(
            one, conn, "select extract(epoch from clock_timestamp() - %s::timestamptz)", job.payload
        )
        lateness.put_nowait(float(due))

    pg = slow_poll(dsn)
    async with running(Worker(pg, include=[processors])):
        await asleep(conn)
        for delay in ("300ms", "700ms"):
            due = one(conn, "select (now() + %s::interval)::text", delay)
            pg.push("timed", due, on=conn, delay=delay)
            assert 0 <= await soon(lateness.get()) < 1
