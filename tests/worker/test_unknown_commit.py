"""A connection that is lost around its COMMIT: what happened is asked, never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pgqueue import AttemptEnded, Job, Postgres, Processors, Worker
from pgqueue.outcome import Done, Retry
from tests.chaos.proxy import Proxy
from tests.chaos.traps import Point
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, census, drained, eventually, one, running, soon

ran: list[int] = []


@pytest.fixture(autouse=True)
def ledger(conn: Connection) -> None:
    """Make a table of the application's own."""
    ran.clear()
    conn.execute("create table ledger (entry text)")


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy before the test's database."""
    async with Proxy(dsn) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[Postgres]:
    """A driver behind the proxy, whose handlers have only one connection."""
    async with Postgres(proxy.dsn, **QUICK, pool_size=1) as driver:
        yield driver


def entries(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select entry from ledger order by 1")]


def write(job: Job[Any], execute: Callable[..., Any]) -> Any:
    ran.append(job.attempt)
    return execute("insert into ledger values (%s)", [f"attempt {job.attempt}"])


async def on_the_loop(job: Job[Any]) -> None:
    async with job.transaction() as mine:
        await write(job, mine.execute)


def on_a_thread(job: Job[Any]) -> None:
    with job.transaction() as mine:
        write(job, mine.execute)


async def transactional_on_the_loop(job: Job[Any]) -> None:
    async with job.connection() as mine:
        await write(job, mine.execute)


def transactional_on_a_thread(job: Job[Any]) -> None:
    with job.connection() as mine:
        write(job, mine.execute)


HANDLERS = [on_the_loop, on_a_thread, transactional_on_the_loop, transactional_on_a_thread]


def worker(driver: Postgres, handler: Any) -> tuple[Worker, asyncio.Queue[AttemptEnded]]:
    """Return a worker of one handler, and what its listener hears of ended attempts."""
    processors, ended = Processors(), asyncio.Queue[AttemptEnded]()
    transactional = handler.__name__.startswith("transactional")
    processors.process("audio", transactional=transactional)(handler)

    def hear(event: object) -> None:
        if isinstance(event, AttemptEnded):
            ended.put_nowait(event)

    return Worker(driver, include=[processors], events=[hear]), ended


@pytest.mark.parametrize("handler", HANDLERS)
async def test_a_commit_whose_answer_is_lost_is_not_run_again(
    proxy: Proxy, far: Postgres, conn: Connection, handler: Any
) -> None:
    """B35: the database is asked, and says that the job is gone: the attempt is done."""
    cut = proxy.trap("COMMIT", at="done", act="cut")
    far.push("audio", None, on=conn)
    working, ended = worker(far, handler)
    async with running(working):
        assert (await soon(ended.get())).outcome == Done()
        await drained(conn)
    assert cut.sprung.is_set()
    assert (ran, entries(conn), census(conn)) == ([1], ["attempt 1"], {})


@pytest.mark.parametrize("handler", HANDLERS)
async def test_a_commit_that_did_not_arrive_is_a_failure_and_runs_again(
    proxy: Proxy, far: Postgres, conn: Connection, handler: Any
) -> None:
    """B35: the database is asked, and still has the job: the effect exists once, by attempt 2."""
    cut = proxy.trap("COMMIT", at="sent", act="cut")
    far.push("audio", None, on=conn)
    working, ended = worker(far, handler)
    async with running(working):
        assert isinstance((await soon(ended.get())).outcome, Retry)
        assert (await soon(ended.get())).outcome == Done()
        await drained(conn)
    assert cut.sprung.is_set()
    assert (ran, entries(conn), census(conn)) == ([1, 2], ["attempt 2"], {})


@pytest.mark.parametrize(
    ("handler", "cut", "attempts"), [(on_the_loop, "sent", [1, 2]), (on_a_thread, "done", [1])]
)
async def test_when_nobody_can_be_asked_the_lease_decides(
    proxy: Proxy,
    far: Postgres,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    handler: Any,
    cut: Point,
    attempts: list[int],
) -> None:
    """B35: the attempt ends without an outcome; its job is gone, or runs again after its lease."""
    proxy.refuses_after_cut = True
    proxy.trap("COMMIT", at=cut, act="cut")
    far.push("audio", None, on=conn)
    working, ended = worker(far, handler)
    async with running(working):
        assert (await soon(ended.get())).outcome is None
        proxy.refusing = False
        await drained(conn)
    assert (ran, entries(conn)) == (attempts, [f"attempt {attempts[-1]}"])
    [record] = [one for one in caplog.records if "cannot be asked" in one.getMessage()]
    assert record.getMessage().startswith("job 1: the connection was lost")
    assert "LeaseLost" not in caplog.text


async def test_a_transaction_that_the_server_keeps_open_is_not_waited_for(
    proxy: Proxy, far: Postgres, conn: Connection
) -> None:
    """B35: the server has not noticed that its client is gone; nothing is decided, nothing lost."""
    proxy.trap("COMMIT", at="sent", act="leave server")
    far.push("audio", None, on=conn)
    working, ended = worker(far, on_the_loop)
    async with running(working):
        assert (await soon(ended.get())).outcome is None
        assert one(conn, OPEN) == 1
        working.stop()
    assert entries(conn) == []
    assert one(conn, "select count(*) from pgqueue.jobs") == 1
    await proxy.__aexit__(None, None, None)
    await eventually(lambda: one(conn, OPEN), 0)


OPEN = """
select count(*) from pg_stat_activity
where datname = current_database() and state = 'idle in transaction'"""
