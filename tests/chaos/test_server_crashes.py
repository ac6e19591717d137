"""The server crashes, again and again: workers come back by themselves, and nothing is lost."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from pgqueue import Postgres
from pgqueue.devserver import DevServer
from tests.chaos.apps.ordinary import GATED, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.load import LONG, load, ran_once, settled
from tests.chaos.proxy import Proxy
from tests.chaos.traps import Point
from tests.chaos.wire import COMPLETED, spoken
from tests.chaos.workers import Workers
from tests.worker.running import SLEEPING, eventually, one, soon

JOBS = [0, 1, 2]


def push(server: DevServer, *jobs: int) -> None:
    """Push gated jobs, in one transaction."""
    with psycopg.connect(server.dsn) as conn:
        Postgres(server.dsn).push_many(GATED, jobs, on=conn)


async def asleep(server: DevServer) -> None:
    """Wait until one worker holds the doorbell."""
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        await eventually(lambda: one(conn, SLEEPING), 1)


async def test_a_worker_that_sleeps_wakes_up_on_the_server_that_is_back(
    primary: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M22, K12, P8: it hears the bell again, and ends in good order."""
    worker = await crew.serving(dsn=primary.dsn)
    for number in (1, 2):
        await asleep(primary)
        primary.crash()
        primary.start()
        with psycopg.connect(primary.dsn) as conn:
            Postgres(primary.dsn).push(QUICK, 0, on=conn)
        await ledger.until("end", number)
    await asleep(primary)
    assert await worker.stopped() == 0
    assert "Traceback" not in worker.printed


@pytest.mark.parametrize("moment", ["down", "up"])
async def test_handlers_that_run_through_a_crash_run_once(
    primary: DevServer, crew: Workers, ledger: Ledger, moment: str
) -> None:
    """M22, K12: they end while the server is down, or later; their outcomes wait for it."""
    push(primary, *JOBS)
    worker = await crew.serving(dsn=primary.dsn, **LONG)
    await ledger.until("start", 3)
    primary.crash()
    if moment == "down":
        ledger.open()
        await ledger.until("end", 3)
        await worker.prints("refused")
    primary.start()
    ledger.open()
    await settled(primary.dsn)
    assert ledger.attempts() == {1: [1], 2: [1], 3: [1]}
    assert await worker.stopped() == 0


@pytest.mark.parametrize("at", ["sent", "done"])
@pytest.mark.parametrize("statement", ["claim", "complete", "promote"])
async def test_a_crash_in_the_middle_of_a_statement(
    primary: DevServer, crew: Workers, ledger: Ledger, statement: str, at: Point
) -> None:
    """M22, K12, M20, M21: executed or not, and no answer: it neither loses nor doubles."""
    push(primary, *JOBS)
    async with Proxy(primary.dsn) as proxy:
        trap = proxy.trap(COMPLETED if statement == "complete" else spoken(statement), at=at)
        worker = crew.start(dsn=proxy.dsn, **LONG)
        if statement == "complete":
            ledger.open()
        await soon(trap.sprung.wait())
        await asyncio.to_thread(primary.crash)
        trap.cut()
        await asyncio.to_thread(primary.start)
        await ledger.until("start", 3)
        # When these have run it has claimed again and again.
        with psycopg.connect(primary.dsn) as conn:
            Postgres(primary.dsn).push_many(QUICK, JOBS, on=conn)
        await ledger.until("end", 3)
        ledger.open()
        await settled(primary.dsn)
        assert list(ledger.attempts().values()) == [[1]] * 6
        assert await worker.stopped() == 0


async def test_three_crashes_in_a_row_under_load(
    primary: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M22, K12, P1, P3, P8: every committed job runs, and none of them twice."""
    working = [await crew.serving(dsn=primary.dsn, **LONG) for _ in range(2)]
    async with load(primary.dsn, QUICK) as pushing:
        for _ in range(3):
            await pushing.more(ledger, 30)
            await asyncio.to_thread(primary.crash)
            await asyncio.to_thread(primary.start)
        await pushing.more(ledger, 30)
    await settled(primary.dsn)
    assert [await worker.stopped() for worker in working] == [0, 0]
    ran_once(ledger, pushing.committed)


async def test_a_committed_push_outlives_every_process_and_the_server(
    primary: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """A01, M22, P1: the worker is killed in its handlers, then the server; another runs them."""
    push(primary, *JOBS)
    killed = await crew.serving(dsn=primary.dsn)
    await ledger.until("start", 3)
    await killed.killed()
    primary.crash()
    primary.start()
    ledger.open()
    worker = await crew.serving(dsn=primary.dsn)
    await settled(primary.dsn)
    assert ledger.attempts() == {1: [1, 2], 2: [1, 2], 3: [1, 2]}
    assert await worker.stopped() == 0


async def test_a_worker_that_is_told_to_stop_while_the_server_is_down_ends(
    primary: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M22, P8: what it could not write is run again later, by whoever is there then."""
    push(primary, *JOBS)
    worker = await crew.serving(dsn=primary.dsn, PGQUEUE_SHUTDOWN_TIMEOUT="1s")
    await ledger.until("start", 3)
    primary.crash()
    ledger.open()
    await ledger.until("end", 3)
    assert await worker.stopped() == 0
    primary.start()
    other = await crew.serving(dsn=primary.dsn)
    await settled(primary.dsn)
    assert ledger.attempts() == {1: [1, 2], 2: [1, 2], 3: [1, 2]}
    assert await other.stopped() == 0
