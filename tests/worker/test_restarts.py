"""The database goes away under load: workers come back by themselves, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from pgqueue_migrations import upgrade
from psycopg_pool import PoolTimeout

from pgqueue import Config, Job, Postgres, Processors, Queue, SchemaError, Unavailable, Worker
from pgqueue.devserver import DevServer
from pgqueue.devserver.server import Mode
from pgqueue.drivers.postgres.pools import Pool
from tests.worker.conftest import QUICK
from tests.worker.running import SLEEPING, Connection, drained, eventually, one, running, soon

NUMBERS = Queue("numbers", int)
SETTINGS = QUICK | {"poll_interval": "1s"}


@pytest.fixture
def durable() -> Iterator[DevServer]:
    """A server of the test's own, which forgets nothing when it crashes."""
    with DevServer.throwaway(durable=True) as server:
        upgrade(server.dsn)
        yield server


@asynccontextmanager
async def load(server: DevServer, room: threading.Semaphore) -> AsyncIterator[list[int]]:
    """Push beside the block while there is room; give the ids whose commit was confirmed."""
    committed: list[int] = []
    enough = threading.Event()
    pg = Postgres(server.dsn)

    def push() -> None:
        while not enough.is_set():
            try:
                with psycopg.connect(server.dsn, autocommit=True) as conn:
                    while not enough.is_set():
                        if room.acquire(timeout=0.1):
                            committed.append(pg.push(NUMBERS, len(committed), on=conn))
            except (psycopg.OperationalError, Unavailable):
                continue

    pushing = asyncio.create_task(asyncio.to_thread(push))
    try:
        yield committed
    finally:
        enough.set()
        await pushing


async def more(counted: list[int], by: int) -> None:
    """Wait until a list has grown."""
    goal = len(counted) + by
    await eventually(lambda: len(counted) >= goal, True)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_under_load_loses_nothing_and_doubles_no_effect(
    durable: DevServer, processors: Processors, mode: Mode
) -> None:
    """K12: claims, settlements and the bell work again; each committed job has one effect."""
    ran: list[int] = []
    room = threading.Semaphore(100)

    @processors.process(NUMBERS, attempts=10)
    async def run(job: Job[int]) -> None:
        async with job.transaction() as mine:
            await mine.execute("insert into ledger values (%s)", [job.id])
        ran.append(job.id)
        room.release()

    pg = Postgres(durable.dsn, **SETTINGS)
    with psycopg.connect(durable.dsn, autocommit=True) as conn:
        conn.execute("create table ledger (job bigint)")
    async with running(Worker(pg, include=[processors])):
        async with load(durable, room) as committed:
            await more(ran, 50)
            await asyncio.to_thread(durable.stop, mode)
            await asyncio.to_thread(durable.start)
            await more(ran, 50)
        with psycopg.connect(durable.dsn, autocommit=True) as conn:
            await drained(conn)
            effects = [row[0] for row in conn.execute("select job from ledger")]
            assert len(effects) == len(set(effects))
            assert set(committed) <= set(effects)
            await hears_again(pg, conn, ran)


async def hears_again(pg: Postgres, conn: Connection, ran: list[int]) -> None:
    """Check that the bell wakes the worker, as before."""
    await eventually(lambda: one(conn, SLEEPING), 1)
    job = pg.push(NUMBERS, 0, on=conn)
    await eventually(lambda: job in ran, True)


async def test_outcomes_that_could_not_be_written_are_written_later(
    durable: DevServer, processors: Processors, caplog: pytest.LogCaptureFixture
) -> None:
    """K12: a job that ends while the server is away is completed when it is back, not run again."""
    started, go = asyncio.Event(), asyncio.Event()
    attempts: list[int] = []

    @processors.process(NUMBERS)
    async def run(job: Job[int]) -> None:
        attempts.append(job.attempt)
        started.set()
        await go.wait()

    pg = Postgres(durable.dsn, **(SETTINGS | {"lease": "30s"}))
    with psycopg.connect(durable.dsn, autocommit=True) as conn:
        pg.push(NUMBERS, 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await soon(started.wait())
        await asyncio.to_thread(durable.stop)
        go.set()
        await eventually(lambda: "Settler lost the database" in caplog.text, True)
        await asyncio.to_thread(durable.start)
        with psycopg.connect(durable.dsn, autocommit=True) as conn:
            await drained(conn)
    assert attempts == [1]


async def test_after_a_long_outage_connections_are_tried_for_as_soon_as_they_are_wanted(
    durable: DevServer,
) -> None:
    """K12: the pool's own pauses, which grow to minutes, do not outlive the server's return."""
    config = Config.load(env=False, dsn=durable.dsn, connect_timeout="1s")
    pool = Pool(config, "test", 3)
    durable.stop()
    for _ in range(4):
        with pytest.raises(PoolTimeout):
            async with pool.connection():
                pass
    await asyncio.to_thread(durable.start)
    async with pool.connection() as conn:
        await conn.execute("select 1")
    await pool.close()


async def test_a_database_that_is_not_there_ends_the_boot_within_its_time(
    processors: Processors, caplog: pytest.LogCaptureFixture
) -> None:
    """K12: at the start the worker waits `connect_timeout`, and says what it could not reach."""
    pg = Postgres("postgresql://somebody:secret@127.0.0.1:1/nowhere", connect_timeout="1s")
    with pytest.raises(Unavailable, match=r"cannot connect to 127\.0\.0\.1:1/nowhere as somebody"):
        await soon(Worker(pg, include=[processors]).run())
    assert "secret" not in caplog.text


async def test_a_database_without_our_schema_ends_the_boot(
    empty_dsn: str, processors: Processors
) -> None:
    """K12: the error names the command that helps."""
    with pytest.raises(SchemaError, match="pgqueue migrate"):
        await soon(Worker(Postgres(empty_dsn, **QUICK), include=[processors]).run())
