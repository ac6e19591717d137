"""The line that listens: proven by echoes, read while handlers block the loop, cheap when idle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres, Processors, Worker
from pgqueue.drivers.postgres.doorbell import Doorbell
from tests.chaos.proxy import Proxy
from tests.worker.conftest import QUICK
from tests.worker.running import SLEEPING, Connection, eventually, one, running, soon

HEARING = "pgqueue.drivers.postgres.hearing"
LISTENER = SLEEPING.replace("count(distinct pid)", "min(pid)")
STATE = "select wait_event, backend_xmin from pg_stat_activity where pid = %s"
# More than the buffers of both sides take, were nobody to read it.
FLOOD = "select pg_notify('pgqueue', repeat('x', 7000) || n) from generate_series(1, 6000) n"


@pytest.fixture
async def line(direct_dsn: str) -> AsyncIterator[Proxy]:
    """The line that listens, as a thing that may fall silent."""
    async with Proxy(direct_dsn) as proxy:
        yield proxy


@pytest.fixture
def started(processors: Processors) -> asyncio.Queue[int]:
    """The payloads of queue audio whose attempts began."""
    started: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio")
    async def run(payload: int) -> None:
        started.put_nowait(payload)

    return started


async def test_a_line_that_fell_silent_is_found_out_and_replaced(
    dsn: str,
    line: Proxy,
    processors: Processors,
    conn: Connection,
    started: asyncio.Queue[int],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """M25, M27, P8: one warning, polls each second meanwhile, one line when it is over."""
    monkeypatch.setattr(f"{HEARING}.ECHO_EVERY", 0.3)
    monkeypatch.setattr(f"{HEARING}.ECHO_WITHIN", 2.0)
    caplog.set_level("INFO", "pgqueue.postgres")
    settings = QUICK | {"poll_interval": "10m", "listen_dsn": line.dsn}
    async with Postgres(dsn, **settings) as pg, running(Worker(pg, include=[processors])):
        await eventually(lambda: one(conn, SLEEPING), 1)
        line.faults.silent = True
        await eventually(lambda: "degraded: polling every 1 s" in caplog.text, True)
        await pg.push("audio", 1)
        assert await soon(started.get()) == 1
        line.faults.silent = False
        await eventually(lambda: "no longer degraded" in caplog.text, True)
        await eventually(lambda: one(conn, SLEEPING), 1)
        await pg.push("audio", 2)
        assert await soon(started.get()) == 2
    told = [one.levelname for one in caplog.records if "degraded" in one.getMessage()]
    assert told == ["WARNING", "INFO"]


async def test_the_source_tells_of_its_trouble(
    dsn: str, line: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M19, P8: what readiness shows beside itself, for as long as it lasts."""
    monkeypatch.setattr(f"{HEARING}.ECHO_WITHIN", 0.5)
    settings = QUICK | {"listen_dsn": line.dsn}
    line.refusing = True
    async with Postgres(dsn, **settings).source(["audio"], "test") as source:
        await eventually(lambda: [one[:18] for one in source.troubles], ["degraded: polling;"])
        line.refusing = False
        await eventually(lambda: source.troubles, [])


async def test_what_is_notified_is_read_while_a_handler_blocks_the_loop(
    dsn: str,
    direct_dsn: str,
    processors: Processors,
    conn: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """M41, M40: or its server process would wait to be read, and hold back the vacuum."""
    settings = QUICK | {"poll_interval": "10m", "lease": "60s", "listen_dsn": direct_dsn}
    blocked, read, seen = threading.Event(), threading.Event(), threading.Event()

    def hear(_: Doorbell, word: str) -> None:
        if word == "last":
            read.set()

    monkeypatch.setattr(Doorbell, "_heard", hear)

    @processors.process("audio")
    async def block(payload: int) -> None:
        blocked.set()
        assert seen.wait(60)

    def flood() -> Any:
        assert blocked.wait(30)
        try:
            conn.execute(FLOOD)
            conn.execute("select pg_notify('pgqueue', 'last')")
            assert read.wait(30)
            return conn.execute(STATE, [listener]).fetchone()
        finally:
            seen.set()

    async with Postgres(dsn, **settings) as pg, running(Worker(pg, include=[processors])):
        await eventually(lambda: one(conn, SLEEPING), 1)
        listener = one(conn, LISTENER)
        flooding = asyncio.create_task(asyncio.to_thread(flood))
        await pg.push("audio", 1)
        assert await soon(flooding) == ("ClientRead", None)


async def test_an_idle_worker_costs_less_than_a_statement_a_second(
    dsn: str, direct_dsn: str, processors: Processors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M43, K14: by default, once it has fallen asleep, also with many queues and the echo."""
    statements = 0
    execute = psycopg.AsyncCursor.execute

    async def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal statements
        statements += 1
        return await execute(self, *arguments, **options)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted)
    looks = 0
    wait = Doorbell.wait

    async def looked(self: Doorbell, at_most: float) -> None:
        nonlocal looks
        await wait(self, at_most)
        looks += 1

    monkeypatch.setattr(Doorbell, "wait", looked)
    for number in range(5):
        processors.process(f"queue{number}")(_nothing)
    async with running(Worker(Postgres(dsn, listen_dsn=direct_dsn), include=[processors])):
        # Falling asleep it looks thrice at short intervals.
        await eventually(lambda: looks >= 5, True)
        before, began, asleep = statements, monotonic(), looks
        await eventually(lambda: looks >= asleep + 2, True)
        assert statements - before <= monotonic() - began


async def _nothing(payload: int) -> None:
    """Do nothing."""
