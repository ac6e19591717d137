"""Handlers that do not end when they are told to: fenced, reported, and never too many of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, Worker, fixed
from pgqueue.errors import HandlersStuck
from tests.worker.conftest import QUICK
from tests.worker.gauge import Gauge
from tests.worker.running import Connection, census, drained, eventually, one, running, soon

DEAD = "select reason, attempt, failures -> -1 ->> 'error' from pgqueue.dead_jobs"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handler count as stuck sooner than in earnest."""
    monkeypatch.setattr("pgqueue.worker.stuck._PATIENCE", 0.2)


class Stubborn:
    """Async handlers that swallow so many cancellations, and end when they are let go."""

    def __init__(self, swallows: int) -> None:
        self.left = swallows
        self.cancelled: list[object] = []
        self.go = asyncio.Event()

    async def wait(self) -> None:
        while True:
            try:
                await self.go.wait()
                return
            except asyncio.CancelledError as error:
                self.cancelled.append(error.args[0])
                if not self.left:
                    raise
                self.left -= 1


async def test_a_swallowed_cancellation_is_repeated(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """M14, C37: the second one ends it, and the attempt has failed for its time."""
    stubborn = Stubborn(1)

    @processors.process("audio", timeout="50ms", retries=0)
    async def run(payload: int) -> None:
        await stubborn.wait()

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert stubborn.cancelled == ["timeout", "timeout"]
    assert one(conn, DEAD) == ("exhausted", 1, "TimeoutError: it took longer than 50ms")


async def test_a_handler_that_swallows_every_cancellation_is_given_up_with_its_slot(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """M14, P6: it has failed and is fenced, others use what slots are left, until it does end."""
    caplog.set_level("INFO")
    stubborn, gauge = Stubborn(99), Gauge()

    @processors.process("audio", timeout="50ms", retries=0)
    async def run(payload: int) -> None:
        await stubborn.wait()

    @processors.process("next")
    async def run_next(payload: int) -> None:
        await gauge.hold(payload)

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=2)):
        await eventually(lambda: census(conn), {"dead": 1})
        late = "TimeoutError: it took longer than 50ms, and does not end"
        assert one(conn, DEAD) == ("exhausted", 1, late)
        pg.push_many("next", range(3), on=conn)
        for n in range(2):
            assert await soon(gauge.entered.get()) == n
            gauge.leave.release()
        assert (await soon(gauge.entered.get()), gauge.peak) == (2, 1)
        stubborn.go.set()
        await eventually(lambda: "the handler that was stuck has ended" in caplog.text, True)
        pg.push("next", 3, on=conn)
        assert (await soon(gauge.entered.get()), gauge.peak) == (3, 2)
        gauge.leave.release()
        gauge.leave.release()
        await drained(conn)
    assert "does not end. It is at:" in caplog.text
    assert "self.go.wait()" in caplog.text
    outcomes = {getattr(one, "outcome", "done") for one in caplog.records}
    assert outcomes == {"done", "exhausted"}
    assert census(conn) == {"dead": 1}


async def test_a_handler_that_has_lost_its_lease_is_given_up_without_an_outcome(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """M14, P4: what another worker does with the job is not touched."""
    stubborn = Stubborn(99)

    @processors.process("audio")
    async def run(payload: int) -> None:
        await stubborn.wait()

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=2)):
        await eventually(lambda: census(conn), {"leased": 1})
        conn.execute("update pgqueue.jobs set lease = 5, visible_at = now() + interval '1 h'")
        await eventually(lambda: "does not end. It is at:" in caplog.text, True)
        stubborn.go.set()
    assert stubborn.cancelled == ["lost", "lost"]
    assert one(conn, "select lease, attempt from pgqueue.jobs") == (5, 1)


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """What lets the threads of a test end."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_stuck_thread_is_fenced_reported_and_costs_no_slot(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    go: threading.Event,
) -> None:
    """M13, C37: its attempt has failed, another thread takes its place, the log shows its stack."""
    both = threading.Barrier(2)

    @processors.process("audio", timeout="50ms", retries=0)
    def block(payload: int) -> None:
        go.wait()

    @processors.process("next")
    def meet(payload: int) -> None:
        both.wait(30)

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=2)):
        await eventually(lambda: "does not end. It is at:" in caplog.text, True)
        assert one(conn, DEAD) == ("exhausted", 1, "TimeoutError: it took longer than 50ms")
        pg.push_many("next", [1, 2], on=conn)
        await drained(conn)
        go.set()
        await eventually(lambda: "the handler that was stuck has ended" in caplog.text, True)
    stuck = next(one for one in caplog.records if "It is at:" in one.message)
    assert (stuck.levelname, "go.wait()" in stuck.message) == ("WARNING", True)
    assert census(conn) == {"dead": 1}


@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_a_worker_with_nothing_but_stuck_handlers_stops(
    dsn: str,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    go: threading.Event,
    colour: str,
) -> None:
    """M13, M14, M19: it drains, every outcome written, and its `run` says why."""
    stubborn = Stubborn(99)

    async def on_the_loop(payload: int) -> None:
        await stubborn.wait()

    def on_a_thread(payload: int) -> None:
        go.wait()

    chosen: Any = on_the_loop if colour == "async def" else on_a_thread
    processors.process("audio", timeout="50ms")(chosen)
    pg = Postgres(dsn, **(QUICK | {"backoff": fixed("1h")}))
    pg.push_many("audio", [1, 2], on=conn)
    worker = Worker(pg, include=[processors], concurrency=2)
    with pytest.raises(HandlersStuck, match="2 handlers do not end, as many as the worker has"):
        await soon(worker.run())
    assert census(conn) == {"scheduled": 2}
    assert "2 handlers are stuck" in caplog.text
    stubborn.go.set()


async def test_a_thread_that_heeds_its_job_ends_in_time(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """M13: `job.stopping` is set at the deadline."""
    heeded = threading.Event()

    @processors.process("audio", timeout="50ms", retries=0)
    def run(job: Job[int]) -> None:
        assert not job.stopping.is_set()
        if job.stopping.wait(30):
            heeded.set()

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await eventually(lambda: census(conn), {"dead": 1})
        await eventually(heeded.is_set, True)
        pg.push("audio", 2, on=conn)
        await eventually(lambda: census(conn), {"dead": 2})
    assert "does not end" not in caplog.text


@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_handlers_are_told_when_the_worker_begins_to_stop(
    pg: Postgres, processors: Processors, conn: Connection, colour: str
) -> None:
    """B21, M16: long before anything is cancelled."""
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def on_the_loop(job: Job[int]) -> None:
        started.set()
        assert await asyncio.to_thread(job.stopping.wait, 30)

    def on_a_thread(job: Job[int]) -> None:
        loop.call_soon_threadsafe(started.set)
        assert job.stopping.wait(30)

    chosen: Any = on_the_loop if colour == "async def" else on_a_thread
    processors.process("audio")(chosen)
    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await soon(started.wait())
    assert census(conn) == {}
