"""From the bell to the handler: what a sleeping worker asks, and when it stays asleep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres, Processors, Worker
from pgqueue.drivers.postgres import doorbell
from pgqueue.drivers.postgres.doorbell import Doorbell
from pgqueue.seam import Claim
from tests.worker.conftest import QUICK
from tests.worker.running import SLEEPING, Connection, drained, eventually, one, running, soon
from tests.worker.test_wakeup import QUIET, asleep

pytestmark = pytest.mark.usefixtures("listening")

KINDS = {
    b"update pgqueue.jobs": "claim",
    b"with due as": "promote",
    b"select pg_advisory_unlock_all()": "leave",
}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the database for a job to start, and that it has."""
    said: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def heard(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        text = query if isinstance(query, bytes) else str(query).encode()
        said.extend(kind for start, kind in KINDS.items() if text.startswith(start))
        return await execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", heard)
    return said


@pytest.fixture
def started(processors: Processors, said: list[str]) -> asyncio.Queue[int]:
    """The payloads of queue audio whose attempts began."""
    started: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio")
    async def run(payload: int) -> None:
        said.append("start")
        started.put_nowait(payload)

    return started


@asynccontextmanager
async def sleeping(
    dsn: str, processors: Processors, conn: Connection, concurrency: int = 10
) -> AsyncIterator[Postgres]:
    """Run a worker that only a bell can wake: it has taken its looks."""
    pg = Postgres(dsn, **(QUICK | {"poll_interval": "10m"}))
    async with running(Worker(pg, include=[processors], concurrency=concurrency)):
        await asleep(conn)
        await eventually(lambda: one(conn, QUIET), True)
        yield pg


async def test_what_the_bell_rang_for_starts_before_anything_else_is_asked(
    dsn: str,
    processors: Processors,
    conn: Connection,
    started: asyncio.Queue[int],
    said: list[str],
) -> None:
    """B37: one statement lies between the bell and the handler."""
    async with sleeping(dsn, processors, conn) as pg:
        said.clear()
        await asyncio.to_thread(pg.push, "audio", 1, on=conn)
        await soon(started.get())
        assert said[:2] == ["claim", "start"]
        asked = ["promote", "claim"]
        await eventually(lambda: [one for one in said[2:] if one in asked][:2], asked)


async def test_a_job_that_comes_alone_leaves_the_worker_asleep(
    dsn: str,
    processors: Processors,
    conn: Connection,
    started: asyncio.Queue[int],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """B37, M43: its bells stay where they are, and the next push rings."""
    decided = asyncio.Event()
    decide = Doorbell._leave_unless_waiting

    def deciding(self: Doorbell) -> None:
        decide(self)
        decided.set()

    monkeypatch.setattr(Doorbell, "_leave_unless_waiting", deciding)
    async with sleeping(dsn, processors, conn) as pg:
        monkeypatch.setattr(doorbell, "_LINGER", 1.0)
        said.clear()
        await asyncio.to_thread(pg.push, "audio", 1, on=conn)
        await soon(decided.wait())
        assert "leave" not in said
        assert one(conn, SLEEPING) == 1
        await asyncio.to_thread(pg.push, "audio", 2, on=conn)
        assert [await soon(started.get()) for _ in range(2)] == [1, 2]


async def test_jobs_that_come_together_rouse_the_worker(
    dsn: str,
    processors: Processors,
    conn: Connection,
    started: asyncio.Queue[int],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """M42, M43: at the second one it lets go of the bells, until it has had nothing to do."""
    async with sleeping(dsn, processors, conn) as pg:
        with monkeypatch.context() as patched:
            patched.setattr(doorbell, "_LINGER", 600.0)
            said.clear()
            await asyncio.to_thread(pg.push, "audio", 1, on=conn)
            assert await soon(started.get()) == 1
            await eventually(lambda: one(conn, QUIET), True)
            assert "leave" not in said
        await asyncio.to_thread(pg.push, "audio", 2, on=conn)
        assert await soon(started.get()) == 2
        await eventually(lambda: "leave" in said, True)
        await asleep(conn)


async def test_a_worker_that_one_job_fills_lets_go_of_the_bells(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """M42, M43: nobody rings for a worker that cannot claim."""
    begun, go = asyncio.Event(), asyncio.Event()

    @processors.process("audio")
    async def hold(payload: int) -> None:
        begun.set()
        await go.wait()

    async with sleeping(dsn, processors, conn, concurrency=1) as pg:
        await asyncio.to_thread(pg.push, "audio", 1, on=conn)
        await soon(begun.wait())
        await eventually(lambda: one(conn, SLEEPING), 0)
        await asyncio.to_thread(pg.push, "audio", 2, on=conn)
        go.set()
        await drained(conn)
        await asleep(conn)


async def test_no_push_is_lost_whenever_it_comes(
    dsn: str, processors: Processors, conn: Connection, started: asyncio.Queue[int]
) -> None:
    """M43, P8: the next one comes as soon as the one before has started, and nobody polls."""
    async with sleeping(dsn, processors, conn) as pg:
        for number in range(100):
            await asyncio.to_thread(pg.push, "audio", number, on=conn)
            assert await soon(started.get()) == number
            await asyncio.sleep(number % 20 / 1_000)


async def test_a_bell_that_rang_for_another_still_finds_what_is_due(
    dsn: str, conn: Connection
) -> None:
    """B37: the claim that finds nothing goes on to look as it always does."""
    pg = Postgres(dsn, poll_interval="10m")
    wanted = Claim(rooms={"audio": 1}, limit=1, token=7, lease=timedelta(minutes=5), worker="test")
    async with pg.source(["audio"], "test") as source:
        while not one(conn, SLEEPING):
            assert not await source.claim(wanted)
            await source.wait(timedelta(seconds=1))
        pg.push("audio", 1, delay="1ms", notify=False, on=conn)
        await eventually(
            lambda: one(conn, "select run_at < now() from pgqueue.scheduled_jobs"), True
        )
        ringing = asyncio.create_task(source.wait(timedelta(minutes=10)))
        conn.execute("select pg_notify('pgqueue', 'audio')")
        await soon(ringing)
        assert len(await source.claim(wanted)) == 1
