"""What a worker says of itself: each loop is frozen in turn, and it shows."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from pgqueue import Health, PgqueueError, Postgres, Processors, Worker
from pgqueue.drivers.postgres import driver
from pgqueue.drivers.postgres.source import Source
from pgqueue.seam import Claim, Delivery, Lease, Settlement, Swept
from pgqueue.worker import settler, sweeper, vitals
from pgqueue.worker.until import Until
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, drained, eventually, finished, running, soon

pytestmark = pytest.mark.usefixtures("listening")

READY = Health(live=True, ready=True)
SERVICES = {"claim": "Fetcher", "settle": "Settler", "extend": "Keeper", "sweep": "Sweeper"}


class Freezing(Source):
    """The real source, but one kind of call does not return while it is frozen."""

    frozen = ""
    thaw = threading.Event()
    says: Sequence[str] = ()

    @property
    def troubles(self) -> Sequence[str]:
        return Freezing.says

    async def claim(self, claim: Claim) -> Sequence[Delivery]:
        await self._gate("claim")
        return await super().claim(claim)

    def exchanges(self, rooms: Mapping[str, int]) -> bool:
        return False

    async def settle(self, settlements: Sequence[Settlement]) -> Collection[int]:
        await self._gate("settle")
        return await super().settle(settlements)

    async def sweep(self) -> Sequence[Swept]:
        await self._gate("sweep")
        return await super().sweep()

    @contextmanager
    def extender(self) -> Iterator[Any]:
        with super().extender() as extend:

            def gated(leases: Sequence[Lease], lease: timedelta) -> Mapping[int, bool]:
                if Freezing.frozen == "extend":
                    Freezing.thaw.wait()
                return extend(leases, lease)

            yield gated

    async def _gate(self, call: str) -> None:
        while Freezing.frozen == call:
            await asyncio.sleep(0.01)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Freezing]]:
    """The source of every worker in the test."""
    Freezing.frozen, Freezing.thaw, Freezing.says = "", threading.Event(), ()
    monkeypatch.setattr(driver, "Source", Freezing)
    monkeypatch.setattr(settler, "_INTERVAL", 1.0)
    monkeypatch.setattr(sweeper, "_LONGEST_PAUSE", 1.0)
    yield Freezing
    Freezing.thaw.set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that gives a service up after a few quick looks."""
    monkeypatch.setattr(vitals, "_LOOK_EVERY", 0.1)
    monkeypatch.setattr(vitals, "_FROZEN_SECONDS", 1)
    monkeypatch.setattr(vitals, "_FROZEN_INTERVALS", 1)


@pytest.mark.parametrize("call", SERVICES)
async def test_a_loop_that_stands_still_makes_the_worker_unready_and_is_named(
    dsn: str, processors: Processors, conn: Connection, source: type[Freezing], call: str
) -> None:
    """M19: for each of the loops; when it moves again, the worker is ready again."""
    started, go = asyncio.Event(), asyncio.Event()

    @processors.process("audio")
    async def run(payload: int) -> None:
        started.set()
        await go.wait()

    pg = Postgres(dsn, **QUICK)
    worker = Worker(pg, include=[processors])
    assert worker.health() == Health(live=True, ready=False, reasons=("starting",))
    async with running(worker):
        await eventually(worker.health, READY)
        pg.push("audio", 1, on=conn)
        await soon(started.wait())
        source.frozen = call
        if call == "settle":
            go.set()
        await eventually(lambda: worker.health().ready, False)
        health = worker.health()
        assert health.live
        assert [one.partition(":")[0] for one in health.reasons] == [SERVICES[call]]
        source.frozen = ""
        source.thaw.set()
        go.set()
        await eventually(worker.health, READY)
        await drained(conn)


@pytest.mark.parametrize("until", [None, Until(jobs=2)])
@pytest.mark.usefixtures("impatient")
async def test_a_loop_that_never_moves_again_ends_the_worker(
    dsn: str,
    processors: Processors,
    conn: Connection,
    source: type[Freezing],
    until: Until | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """M19: a worker that would only look alive ends, whether it works or waits for its end."""

    @processors.process("audio")
    async def run(payload: int) -> None:
        if payload == 2:
            await asyncio.Event().wait()

    pg = Postgres(dsn, **(QUICK | {"shutdown_timeout": "0s", "connect_timeout": "1s"}))
    pg.push_many("audio", [1, 2], on=conn)
    source.frozen = "settle"
    worker = Worker(pg, include=[processors])
    with pytest.raises(PgqueueError, match=r"Settler: no progress.*; the worker has stop"):
        await soon(worker.run(until))
    assert not worker.health().live
    assert "it does not come back by itself" in caplog.text


@pytest.mark.usefixtures("impatient")
async def test_a_handler_that_blocks_the_loop_is_not_taken_for_a_frozen_service(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """M19: nobody got on while the loop stood still; all of them do afterwards."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(payload: int) -> None:
        time.sleep(3)
        ran.append(payload)

    pg = Postgres(dsn, **(QUICK | {"connect_timeout": "1s"}))
    pg.push_many("audio", [1, 2], on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert ran == [1, 2]


async def test_a_worker_that_drains_is_not_ready(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """M19: it lives on until its jobs have ended, but takes no more."""
    started, go = asyncio.Event(), asyncio.Event()

    @processors.process("audio")
    async def run(payload: int) -> None:
        started.set()
        await go.wait()

    pg.push("audio", 1, on=conn)
    worker = Worker(pg, include=[processors])
    async with running(worker) as task:
        await soon(started.wait())
        assert worker.health() == READY
        worker.stop()
        await eventually(worker.health, Health(live=True, ready=False, reasons=("stopping",)))
        go.set()
        await finished(task)


async def test_full_slots_are_no_trouble(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """M19: a worker that has no room for more jobs is busy, not frozen."""
    go = asyncio.Event()

    @processors.process("audio")
    async def run(payload: int) -> None:
        await go.wait()

    pg = Postgres(dsn, **QUICK)
    pg.push("audio", 1, on=conn)
    worker = Worker(pg, include=[processors], concurrency=1)
    async with running(worker):
        await eventually(worker.health, READY)
        fetcher = worker._vitals._stamps[0]
        count = fetcher.count
        await eventually(lambda: fetcher.count > count + 3, True)
        assert worker.health() == READY
        go.set()


async def test_what_the_source_suffers_from_is_noted_and_leaves_the_worker_ready(
    pg: Postgres, processors: Processors, source: type[Freezing]
) -> None:
    """P8: degraded is visible, and still works."""
    worker = Worker(pg, include=[processors])
    async with running(worker):
        await eventually(worker.health, READY)
        source.says = ["degraded: polling"]
        noted = Health(live=True, ready=True, notes=("degraded: polling",))
        assert worker.health() == noted
