"""What goes wrong with an exchange costs neither half more than it would have cost by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from pgqueue import Job, Postgres, Processors, Worker
from pgqueue.errors import BackendError
from tests.chaos.proxy import Proxy
from tests.chaos.traps import Point
from tests.chaos.wire import spoken
from tests.worker.conftest import QUICK
from tests.worker.exchanges import Asked, listen
from tests.worker.gauge import Gauge
from tests.worker.running import (
    Connection,
    census,
    drained,
    eventually,
    finished,
    one,
    running,
    soon,
)

# Nothing here may wait for a lease to lapse: it would take longer than any test.
PATIENT = QUICK | {"lease": "10m", "heartbeat": "1m"}
JOBS = 40

REFUSING = """
create function no() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
create trigger no before {} on pgqueue.jobs for each row when ({}) execute function no()"""


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy before the test's database."""
    async with Proxy(dsn) as proxy:
        yield proxy


@pytest.fixture
async def patient(dsn: str) -> AsyncIterator[Postgres]:
    """A driver whose leases outlast the test."""
    async with Postgres(dsn, **PATIENT) as driver:
        yield driver


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the worker's source is asked."""
    return listen(monkeypatch)


class Held:
    """A processor whose attempts report their start, and end when they are let go."""

    def __init__(self, processors: Processors) -> None:
        self.started: asyncio.Queue[int] = asyncio.Queue()
        self.ran: Counter[int] = Counter()
        self.go = asyncio.Event()

        @processors.process("audio")
        async def run(job: Job[int]) -> None:
            self.started.put_nowait(job.id)
            await self.go.wait()
            self.ran[job.id] += 1


@pytest.mark.parametrize("at", ["sent", "done"])
@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_a_lost_answer_costs_no_outcome_no_attempt_and_no_slot(
    proxy: Proxy,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    concurrency: int,
    at: Point,
) -> None:
    """M20, M21, P3: both halves were executed, or neither; the worker finds out which."""
    ran: Counter[int] = Counter()
    gauge = Gauge()

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        ran[job.id] += job.attempt

    @processors.process("full")
    async def fill(payload: int) -> None:
        await gauge.hold(payload)

    pg = Postgres(proxy.dsn, **PATIENT)
    pg.push_many("audio", range(JOBS), on=conn)
    cuts = [proxy.trap(spoken("exchange"), at=at, act="cut", skip=skip) for skip in (1, 3)]
    async with running(Worker(pg, include=[processors], concurrency=concurrency)):
        await drained(conn)
        pg.push_many("full", range(concurrency + 1), on=conn)
        for _ in range(concurrency):
            await soon(gauge.entered.get())
        for _ in range(concurrency + 1):
            gauge.leave.release()
        await drained(conn)
    assert [cut.sprung.is_set() for cut in cuts] == [True, True]
    assert ran == Counter(range(1, JOBS + 1))
    assert gauge.peak == concurrency
    assert "LeaseLost" not in caplog.text


async def test_an_outcome_that_is_refused_stops_neither_the_others_nor_the_claims(
    patient: Postgres,
    processors: Processors,
    conn: Connection,
    asked: Asked,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """C35: with it the whole exchange is; alone it is told, once."""
    held = Held(processors)
    held.go.set()
    refused, *_ = [patient.push("audio", number, on=conn) for number in range(JOBS)]
    conn.execute(REFUSING.format("delete", f"old.id = {refused}").encode())
    async with running(Worker(patient, include=[processors], concurrency=2)):
        await eventually(lambda: census(conn), {"leased": 1})
        await eventually(lambda: caplog.text.count("its outcome could not be written"), 1)
    assert held.ran == Counter(range(1, JOBS + 1))
    assert one(conn, "select id from pgqueue.jobs") == refused
    assert caplog.text.count("its outcome could not be written") == 1
    assert "LeaseLost" not in caplog.text
    assert asked.exchanged


async def test_a_refused_claim_costs_no_outcome_and_ends_the_worker(
    patient: Postgres, processors: Processors, conn: Connection
) -> None:
    """As it does without completions beside it."""
    held = Held(processors)
    patient.push_many("audio", range(JOBS), on=conn)
    task = asyncio.create_task(Worker(patient, include=[processors], concurrency=2).run())
    for _ in range(2):
        await soon(held.started.get())
    conn.execute(REFUSING.format("update", "old.lease is null").encode())
    held.go.set()
    await finished(task)
    with pytest.raises(BackendError, match="no"):
        task.result()
    assert census(conn) == {"ready": JOBS - 2}


async def test_a_locked_job_costs_its_own_slot_alone(
    patient: Postgres,
    processors: Processors,
    conn: Connection,
    aconn: psycopg.AsyncConnection[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The settler waits for it; claims, and what leaves with them, do not."""
    held = Held(processors)
    patient.push_many("audio", range(JOBS), on=conn)
    async with running(Worker(patient, include=[processors], concurrency=2)):
        locked = await soon(held.started.get())
        async with aconn.transaction():
            await aconn.execute("select from pgqueue.jobs where id = %s for update", [locked])
            held.go.set()
            await eventually(lambda: one(conn, "select count(*) from pgqueue.jobs"), 1)
            assert "lost the database" not in caplog.text
        await drained(conn)
    assert held.ran == Counter(range(1, JOBS + 1))
    assert "LeaseLost" not in caplog.text


@pytest.mark.parametrize("stops", [1, 2])
@pytest.mark.parametrize("at", ["sent", "done"])
async def test_a_stop_while_an_exchange_is_under_way_writes_and_gives_back(
    proxy: Proxy,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    at: Point,
    stops: int,
) -> None:
    """B22: what is done is done; what comes with it is not started, and not counted."""
    caplog.set_level("INFO", "pgqueue.worker")
    held = Held(processors)
    grace = "0s" if stops == 1 else "60s"
    pg = Postgres(proxy.dsn, **(PATIENT | {"shutdown_timeout": grace}))
    pg.push_many("audio", range(5), on=conn)
    exchange = proxy.trap(spoken("exchange"), at=at)
    worker = Worker(pg, include=[processors], concurrency=1)
    async with running(worker) as task:
        done = await soon(held.started.get())
        held.go.set()
        await soon(exchange.sprung.wait())
        held.go.clear()
        for _ in range(stops):
            worker.stop()
        await eventually(lambda: "is stopping" in caplog.text, True)
        exchange.release()
        await finished(task)
    written = "select count(*), bool_and(lease is null and attempt = 0) from pgqueue.jobs"
    assert one(conn, written) == (4, True)
    assert set(held.ran) == {done}
    assert "LeaseLost" not in caplog.text


async def test_an_exchange_that_is_lost_while_the_worker_stops_leaves_its_outcomes_to_be_written(
    proxy: Proxy, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """B21, M20: the settler stops last, and has them back by then."""
    caplog.set_level("INFO", "pgqueue.worker")
    held = Held(processors)
    pg = Postgres(proxy.dsn, **PATIENT)
    pg.push_many("audio", range(5), on=conn)
    exchange = proxy.trap(spoken("exchange"), at="sent")
    worker = Worker(pg, include=[processors], concurrency=2)
    async with running(worker) as task:
        for _ in range(2):
            await soon(held.started.get())
        held.go.set()
        await soon(exchange.sprung.wait())
        worker.stop()
        await eventually(lambda: "is stopping" in caplog.text, True)
        exchange.cut()
        await finished(task)
    assert census(conn) == {"ready": 3}
    assert held.ran == Counter((1, 2))
