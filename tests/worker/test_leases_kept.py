"""What must not cost a lease, and what must not be taken for the loss of one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from pgqueue import AttemptEnded, Config, ConfigError, Job, Postgres, Processors, Worker
from pgqueue.outcome import Done
from tests.chaos.proxy import Proxy
from tests.chaos.wire import spoken
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, census, drained, eventually, one, running, soon

# A lease is past its half after a second, and nothing here lasts as long as one.
SETTINGS = QUICK | {"lease": "2s", "heartbeat": "100ms"}

Hear = Callable[[object], None]


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy before the test's database."""
    async with Proxy(dsn) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[Postgres]:
    """A driver behind the proxy."""
    async with Postgres(proxy.dsn, **SETTINGS) as driver:
        yield driver


def hearing() -> tuple[asyncio.Queue[AttemptEnded], Hear]:
    """A listener, and the ended attempts that it hears of."""
    ended: asyncio.Queue[AttemptEnded] = asyncio.Queue()

    def hear(event: object) -> None:
        if isinstance(event, AttemptEnded):
            ended.put_nowait(event)

    return ended, hear


async def extended(proxy: Proxy, times: int) -> None:
    """Wait until the keeper has asked so often, and heard the answers."""
    for _ in range(times):
        asked = proxy.trap(spoken("extend"), at="sent", act="hold")
        await soon(asked.sprung.wait())
        asked.release()


async def test_a_commit_that_hangs_is_not_a_lost_lease(
    proxy: Proxy,
    far: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """K06, P5: the keeper finds the row gone while its own transaction waits for the answer."""

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        async with job.transaction():
            pass

    ended, hear = hearing()
    far.push("audio", 1, on=conn)
    commit = proxy.trap("COMMIT", at="done")
    async with running(Worker(far, include=[processors], events=[hear])):
        await soon(commit.sprung.wait())
        assert census(conn) == {}
        await extended(proxy, 3)
        commit.release()
        assert (await soon(ended.get())).outcome == Done()
    assert "LeaseLost" not in caplog.text


async def test_a_handler_may_go_on_when_its_transaction_has_completed_the_job(
    proxy: Proxy, far: Postgres, processors: Processors, conn: Connection
) -> None:
    """P5: it has no lease any more, needs none, and is not cancelled for want of one."""
    complete, go, told = asyncio.Event(), asyncio.Event(), asyncio.Queue[str]()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        async with job.transaction():
            pass
        complete.set()
        try:
            await go.wait()
            told.put_nowait("to the end")
        except asyncio.CancelledError:
            told.put_nowait("cancelled")
            raise

    ended, hear = hearing()
    far.push("audio", 1, on=conn)
    async with running(Worker(far, include=[processors], events=[hear])):
        await soon(complete.wait())
        await extended(proxy, 3)
        go.set()
        assert await soon(told.get()) == "to the end"
        assert (await soon(ended.get())).outcome == Done()


async def test_a_row_that_somebody_has_locked_costs_no_other_lease(
    far: Postgres, processors: Processors, conn: Connection, dsn: str
) -> None:
    """P3, M05: the keeper waits for no lock; the locked row's lease is extended after that."""
    started, cancelled = asyncio.Queue[int](), asyncio.Queue[int]()
    go = asyncio.Event()

    @processors.process("audio")
    async def hold(job: Job[int]) -> None:
        started.put_nowait(job.id)
        try:
            await go.wait()
        except asyncio.CancelledError:
            cancelled.put_nowait(job.id)
            raise

    visible = "select visible_at from pgqueue.jobs where id = %s"
    far.push_many("audio", [1, 2], on=conn)
    async with running(Worker(far, include=[processors], concurrency=2)):
        locked, free = await soon(started.get()), await soon(started.get())
        before = one(conn, visible, locked), one(conn, visible, free)
        with conn.transaction():
            conn.execute("select from pgqueue.jobs where id = %s for update", [locked])
            await eventually(lambda: one(conn, visible, free) > before[1], True)
            assert one(conn, visible, locked) == before[0]
        await eventually(lambda: one(conn, visible, locked) > before[0], True)
        assert one(conn, "select array_agg(attempt) from pgqueue.jobs") == [1, 1]
        go.set()
        await drained(conn)
    assert cancelled.empty()


async def test_an_outcome_outlasts_its_lease_while_the_database_is_away(
    proxy: Proxy,
    far: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """M22, P8: it waits in its slot, and is written late, as nobody else has the job."""
    started, go = asyncio.Queue[int](), asyncio.Event()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        started.put_nowait(job.attempt)
        await go.wait()

    far.push_many("audio", range(3), on=conn)
    async with running(Worker(far, include=[processors], concurrency=3)):
        for _ in range(3):
            assert await soon(started.get()) == 1
        proxy.refusing = True
        proxy.cut_all()
        go.set()
        await eventually(lambda: "Settler lost the database" in caplog.text, True)
        lapsed = "select count(*) from pgqueue.jobs where visible_at < now() and lease is not null"
        await eventually(lambda: one(conn, lapsed), 3)
        # Nobody is to be quicker than the settler: it is the settling that is looked at.
        conn.execute("update pgqueue.jobs set visible_at = now() + interval '1 h'")
        proxy.refusing = False
        await drained(conn)
    assert started.empty()
    assert "LeaseLost" not in caplog.text


async def test_an_attempt_may_outlast_its_lease_whatever_its_timeout(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """C39: heartbeats cannot be off, so that a timeout beyond the lease is no mistake here."""
    ran: list[int] = []

    @processors.process("audio", timeout="1h")
    async def block(job: Job[int]) -> None:
        ran.append(job.attempt)
        time.sleep(3)

    async with Postgres(dsn, **(SETTINGS | {"lease": "1500ms"})) as pg:
        pg.push("audio", 1, on=conn)
        async with running(Worker(pg, include=[processors])):
            await drained(conn)
    assert ran == [1]


@pytest.mark.parametrize("heartbeat", ["60s", "61s", "0s"])
def test_a_lease_without_a_heartbeat_before_its_end_does_not_boot(heartbeat: str) -> None:
    """C39: the misconfiguration that would run long jobs twice is refused, naming both settings."""
    with pytest.raises(ConfigError, match=r"heartbeat \(?.*PGQUEUE_HEARTBEAT"):
        Config.load(env=False, lease="60s", heartbeat=heartbeat)
