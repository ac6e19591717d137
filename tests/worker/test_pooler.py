"""Behind PgBouncer in transaction mode no session is ours: workers poll, and say so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgqueue import Job, Postgres, Processors, Worker
from tests.databases import on_database
from tests.poolers import pooler
from tests.worker.conftest import QUICK
from tests.worker.running import SLEEPING, Connection, drained, eventually, one, running, soon

SUBSCRIBED = """
select count(*) from pg_stat_activity
where datname = current_database() and query ilike 'listen%'"""
LOCKS = """
select count(*) from pg_locks
where locktype = 'advisory'
  and database = (select oid from pg_database where datname = current_database())"""


@pytest.fixture(scope="module")
def far_server(server_dsn: str) -> Iterator[str]:
    """The tests' server through PgBouncer in transaction mode, with few connections to share."""
    with pooler(server_dsn, "transaction", {"default_pool_size": "4"}) as dsn:
        yield dsn


@pytest.fixture
def far_dsn(far_server: str, direct_dsn: str) -> str:
    """The test's database through it."""
    return on_database(far_server, str(conninfo_to_dict(direct_dsn)["dbname"]))


@pytest.fixture
def ran(processors: Processors) -> list[int]:
    """The jobs of queue audio that were run, in transactions of theirs."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        async with job.transaction() as mine:
            await mine.execute("select %s::int", [job.payload])
        ran.append(job.payload)

    return ran


async def test_a_worker_behind_a_pooler_polls_and_says_so_once(
    far_dsn: str,
    processors: Processors,
    ran: list[int],
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K14, M28, M33, P8: it neither listens nor takes a lock on a connection of the pooler's."""
    pg = Postgres(far_dsn, **(QUICK | {"poll_interval": "30s"}))
    with caplog.at_level("INFO", "pgqueue"):
        async with running(Worker(pg, include=[processors])):
            await eventually(lambda: "degraded: polling" in caplog.text, True)
            for batch in range(3):
                await pg.push_many("audio", range(100 * batch, 100 * batch + 100))
                await eventually(lambda: len(ran), 100 * batch + 100)
            await drained(conn)
    [said] = [one for one in caplog.records if "degraded" in one.getMessage()]
    assert "listen_dsn (PGQUEUE_LISTEN_DSN)" in said.getMessage()
    assert sorted(ran) == list(range(300))
    assert one(conn, SUBSCRIBED) == one(conn, LOCKS) == 0
    await pg.close()


async def test_with_a_direct_line_a_worker_behind_a_pooler_hears_the_bell(
    far_dsn: str, direct_dsn: str, processors: Processors, ran: list[int], conn: Connection
) -> None:
    """K14, M28: the push through the pooler finds the lock that the worker holds past it."""
    settings = QUICK | {"poll_interval": "10m", "listen_dsn": direct_dsn}
    async with Postgres(far_dsn, **settings) as pg, running(Worker(pg, include=[processors])):
        for number in range(5):
            await eventually(lambda: one(conn, SLEEPING), 1)
            await pg.push("audio", number)
            await eventually(lambda: len(ran), number + 1)


async def test_a_line_that_keeps_a_session_may_lead_through_a_pooler(
    server_dsn: str, direct_dsn: str, processors: Processors, ran: list[int], conn: Connection
) -> None:
    """K14, M28: named for listening, PgBouncer in session mode is trusted, and proves itself."""
    with pooler(server_dsn, "session") as through:
        dsn = on_database(through, str(conninfo_to_dict(direct_dsn)["dbname"]))
        settings = QUICK | {"poll_interval": "10m", "listen_dsn": dsn}
        async with Postgres(dsn, **settings) as pg, running(Worker(pg, include=[processors])):
            await eventually(lambda: one(conn, SLEEPING), 1)
            await pg.push("audio", 1)
            await eventually(lambda: ran, [1])


async def test_a_line_that_hears_nothing_is_found_out(
    far_dsn: str,
    direct_dsn: str,
    empty_dsn: str,
    processors: Processors,
    ran: list[int],
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """M28, P8: it leads to another database, or to a pooler after all: the worker polls."""
    monkeypatch.setattr("pgqueue.drivers.postgres.hearing.ECHO_WITHIN", 0.5)
    for number, line in enumerate([empty_dsn, far_dsn]):
        caplog.clear()
        pg = Postgres(direct_dsn, **(QUICK | {"poll_interval": "10m", "listen_dsn": line}))
        async with pg, running(Worker(pg, include=[processors])):
            await eventually(lambda: "name the same database?" in caplog.text, True)
            await pg.push("audio", number)
            await eventually(partial(ran.count, number), 1)
        assert one(conn, LOCKS) == 0


async def test_pushes_through_a_pooler_do_not_meet_in_their_prepared_statements(
    far_dsn: str, conn: Connection
) -> None:
    """M28: fifty pushes at once, on connections that share a server's, each of many pushes."""
    async with Postgres(far_dsn, pool_size=8) as pg:

        async def push(lane: int) -> None:
            for _ in range(12):
                await pg.push(f"lane{lane}", lane)

        await asyncio.gather(*(push(lane) for lane in range(50)))
    assert one(conn, "select count(*) from pgqueue.jobs") == 600
    assert one(conn, LOCKS) == 0


async def test_a_callers_connection_through_a_pooler_pushes_in_its_transaction(
    far_dsn: str, conn: Connection
) -> None:
    """K02, M28: nothing of a rollback is left, as anywhere; the caller prepares nothing."""
    pg = Postgres(far_dsn)
    with psycopg.connect(far_dsn, autocommit=True, prepare_threshold=None) as mine:
        for number in range(20):
            with mine.transaction(force_rollback=number % 2 == 0):
                pg.push("audio", number, on=mine)
    assert one(conn, "select count(*) from pgqueue.jobs") == 10


async def test_a_worker_uses_no_more_connections_than_the_documents_say(
    direct_dsn: str, processors: Processors, conn: Connection
) -> None:
    """K14: three for its own work, one that keeps leases, one that listens, and the handlers'."""
    inside, leave = asyncio.Semaphore(0), asyncio.Event()

    @processors.process("audio", concurrency=20)
    async def hold(job: Job[int]) -> None:
        async with job.connection() as mine:
            await mine.execute("select 1")
            inside.release()
            await leave.wait()

    async with Postgres(direct_dsn, **QUICK, pool_size=3) as pg:
        pg.push_many("audio", range(20), on=conn)
        async with running(Worker(pg, include=[processors], concurrency=20)):
            for _ in range(3):
                await soon(inside.acquire())
            mine = (
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and application_name like 'pgqueue:{}:%%'"
            )
            assert one(conn, mine.format("job")) == 3
            assert one(conn, mine.format("worker")) <= 5
            leave.set()
            await drained(conn)
            assert one(conn, mine.format("job")) == 3
            assert one(conn, mine.format("worker")) <= 5
