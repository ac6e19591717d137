"""The server has done it, and the worker never hears of that: no job waits, none is called lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pgqueue import Abort, Job, Postgres, Processors, RetryAfter, Worker
from tests.chaos.proxy import Proxy
from tests.chaos.wire import COMPLETED, spoken
from tests.worker.conftest import QUICK
from tests.worker.running import (
    Connection,
    census,
    drained,
    eventually,
    one,
    running,
    soon,
)

# Nothing here may wait for a lease to lapse: it would take longer than any test.
PATIENT = QUICK | {"lease": "10m", "heartbeat": "1s"}
RETURNS, RETRIES = "returns", "retries"


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy before the test's database."""
    async with Proxy(dsn) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[Postgres]:
    """A driver behind the proxy, whose leases outlast the test."""
    async with Postgres(proxy.dsn, **PATIENT) as driver:
        yield driver


async def test_the_jobs_of_a_claim_whose_answer_is_lost_start_at_once(
    proxy: Proxy, far: Postgres, processors: Processors, conn: Connection
) -> None:
    """M21, P6: found again by the claim's token: every job runs, and as its first attempt."""
    ran: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        ran.put_nowait((job.payload, job.attempt))

    far.push_many("audio", range(5), on=conn)
    cut = proxy.trap(spoken("claim"), at="done", act="cut")
    async with running(Worker(far, include=[processors], concurrency=5)):
        found = sorted([await soon(ran.get()) for _ in range(5)])
        await drained(conn)
    assert cut.sprung.is_set()
    assert found == [(number, 1) for number in range(5)]
    assert one(conn, "select count(*) from pgqueue.dead_jobs") == 0


async def test_jobs_that_were_claimed_run_though_the_claim_of_dead_letters_beside_them_fails(
    proxy: Proxy, far: Postgres, processors: Processors, conn: Connection
) -> None:
    """M21, P6: they are leased already: the next part's failure does not cost them their turn."""
    ran: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        ran.put_nowait(job.attempt)

    @processors.process("audio.dead")
    async def mourn(job: Job[int]) -> None:
        raise AssertionError(job)

    far.push("audio", 1, on=conn)
    cut = proxy.trap(spoken("dead_claim"), at="sent", act="cut")
    async with running(Worker(far, include=[processors], concurrency=5)):
        assert await soon(ran.get()) == 1
        await drained(conn)
    assert cut.sprung.is_set()


async def test_a_job_that_was_found_again_is_not_found_twice(
    proxy: Proxy, far: Postgres, processors: Processors, conn: Connection
) -> None:
    """M21, P3: it has the token for which the worker goes on looking, and runs already."""
    ran: asyncio.Queue[int] = asyncio.Queue()
    go = asyncio.Event()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        ran.put_nowait(job.attempt)
        await go.wait()

    far.push("audio", 1, on=conn)
    proxy.trap(spoken("claim"), at="done", act="cut")
    looks = [proxy.trap(spoken("recall"), at="sent", skip=skip) for skip in (0, 1, 2)]
    async with running(Worker(far, include=[processors], concurrency=5)):
        for look in looks:
            await soon(look.sprung.wait())
            look.release()
        assert await soon(ran.get()) == 1
        go.set()
        await drained(conn)
    assert ran.empty()


async def test_a_claim_that_the_server_executes_only_later_is_found_too(
    proxy: Proxy, far: Postgres, processors: Processors, conn: Connection
) -> None:
    """M21: it was looked for before it was there, and is looked for again."""
    ran: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        ran.put_nowait(job.attempt)

    # The claim ends with its commit, which this holds up on the server.
    conn.execute("create function late() returns trigger language plpgsql as"
                 " $$ begin perform pg_advisory_xact_lock(42); return new; end $$")  # fmt: skip
    conn.execute("create constraint trigger late after update on pgqueue.jobs deferrable"
                 " initially deferred for each row when (old.lease is null)"
                 " execute function late()")  # fmt: skip
    conn.execute("select pg_advisory_lock(42)")
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    far.push("audio", 1, on=conn)
    look = proxy.trap(spoken("recall"), at="done")
    async with running(Worker(far, include=[processors], concurrency=1)):
        await eventually(lambda: one(conn, waiting), 1)
        proxy.cut_all("leave server")
        await soon(look.sprung.wait())
        conn.execute("select pg_advisory_unlock(42)")
        await eventually(lambda: one(conn, waiting), 0)
        look.release()
        assert await soon(ran.get()) == 1
        await drained(conn)


@pytest.mark.parametrize(("statement", "skip"), [("claim", 0), ("exchange", 3)])
async def test_what_was_lost_takes_no_more_slots_than_are_free(
    proxy: Proxy,
    far: Postgres,
    processors: Processors,
    conn: Connection,
    statement: str,
    skip: int,
) -> None:
    """M21, A06: jobs that are found again are claimed ones, and fit into the rooms there are."""
    now, most = 0, 0

    @processors.process("audio", concurrency=2)
    async def run(payload: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    far.push_many("audio", range(20), on=conn)
    cut = proxy.trap(spoken(statement), at="done", act="cut", skip=skip)
    async with running(Worker(far, include=[processors], concurrency=2)):
        await drained(conn)
    assert cut.sprung.is_set()
    assert most <= 2


OUTCOMES: dict[str, Any] = {"complete": None, "retry": RetryAfter("0s")}


@pytest.mark.parametrize("statement", OUTCOMES)
async def test_an_outcome_whose_answer_is_lost_is_written_and_not_called_lost(
    proxy: Proxy,
    far: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    statement: str,
) -> None:
    """M20, P3: written again it finds no lease, for its own first time has ended that."""
    ran: list[int] = []
    go = asyncio.Event()

    @processors.process("audio", attempts=3)
    async def run(job: Job[int]) -> None:
        ran.append(job.attempt)
        await go.wait()
        if job.attempt == 1 and OUTCOMES[statement]:
            raise OUTCOMES[statement]

    # Whether or not a claim takes the outcome along.
    said = COMPLETED if statement == "complete" else spoken(statement)
    again = proxy.trap(said, at="ready")
    cut = proxy.trap(said, at="done", act="cut")
    far.push("audio", 1, on=conn)
    async with running(Worker(far, include=[processors], concurrency=2)):
        await eventually(lambda: len(ran), 1)
        go.set()
        await soon(cut.sprung.wait())
        await soon(again.sprung.wait())
        again.release()
        await drained(conn)
    assert ran == ([1] if statement == "complete" else [1, 2])
    assert census(conn) == {}
    assert "LeaseLost" not in caplog.text


async def test_a_lease_that_was_lost_before_the_connection_is_called_lost(
    proxy: Proxy,
    far: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """M20, K06: an outcome that never got to the server is not taken for written."""
    started, go = asyncio.Event(), asyncio.Event()

    @processors.process("audio")
    async def run(payload: int) -> None:
        started.set()
        await go.wait()

    far.push("audio", 1, on=conn)
    async with running(Worker(far, include=[processors], concurrency=1)):
        await soon(started.wait())
        proxy.refusing = True
        proxy.cut_all()
        conn.execute("update pgqueue.jobs set lease = 7, visible_at = now() + interval '1 min'")
        go.set()
        await eventually(lambda: " lost the database" in caplog.text, True)
        proxy.refusing = False
        await eventually(lambda: "LeaseLost: job 1 (audio), attempt 1" in caplog.text, True)
        assert one(conn, "select lease from pgqueue.jobs") == 7


async def test_an_outcome_that_is_refused_costs_no_other_and_is_no_lost_lease(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """M20, C35: those settled with it are written and told of once, whatever follows them."""
    go = asyncio.Event()
    started: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio", concurrency=6)
    async def run(payload: int) -> None:
        started.put_nowait(payload)
        await go.wait()
        if payload % 2:
            raise Abort("no")

    conn.execute("alter table pgqueue.dead_jobs add constraint no_room check (false) not valid")
    pg.push_many("audio", range(6), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=6)):
        for _ in range(6):
            await soon(started.get())
        go.set()
        await eventually(lambda: caplog.text.count("its outcome could not be written"), 3)
        await eventually(lambda: one(conn, "select count(*) from pgqueue.jobs"), 3)
    assert "LeaseLost" not in caplog.text
