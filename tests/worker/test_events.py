"""Listeners are told what a worker does, and cannot get in its way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from pgqueue import AttemptEnded, AttemptStarted, Job, Postgres, Processors, Snooze, Worker
from pgqueue import WorkerChanged as Changed
from pgqueue.outcome import Dead, Done, Release, Retry
from tests.worker.running import Connection, census, drained, eventually, running, soon

T = TypeVar("T")


class Hearing:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __call__(self, event: object) -> None:
        self.heard.append(event)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.heard if isinstance(event, kind)]


async def test_every_attempt_has_a_beginning_and_an_end(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """The end tells the outcome and how long it took; both name job, address and processor."""
    hearing = Hearing()

    @processors.process("audio", retries=1)
    async def fail(job: Job[None]) -> None:
        raise ValueError

    job = pg.push("audio", None, on=conn, name="wave")
    async with running(Worker(pg, include=[processors], events=[hearing])):
        await eventually(lambda: census(conn), {"dead": 1})
    label = f"{fail.__module__}.{fail.__qualname__}"
    started, ended = hearing.of(AttemptStarted), hearing.of(AttemptEnded)
    assert started == [AttemptStarted(job, "audio", "wave", n, label) for n in (1, 2)]
    named = [(one.job, one.queue, one.name, one.attempt, one.processor) for one in ended]
    assert named == [(job, "audio", "wave", n, label) for n in (1, 2)]
    assert [type(one.outcome) for one in ended] == [Retry, Dead]
    assert all(0 <= one.seconds < 5 for one in ended)
    assert hearing.heard[1:-1] == [started[0], ended[0], started[1], ended[1]]


async def test_each_outcome_is_told(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Done, skipped, snoozed, rejected, of an unknown name: the last two never began."""
    hearing = Hearing()

    @processors.process("audio", name="done", condition=lambda payload: payload)
    async def run(payload: bool) -> None: ...

    @processors.process("audio", name="snoozed")
    async def snooze(payload: object) -> None:
        raise Snooze("1h")

    pg.push("audio", True, on=conn, name="done")
    pg.push("audio", False, on=conn, name="done")
    pg.push("audio", "unreadable", on=conn, name="done")
    pg.push("audio", None, on=conn, name="snoozed")
    pg.push("audio", None, on=conn, name="unknown")
    async with running(Worker(pg, include=[processors], events=[hearing])):
        await eventually(lambda: census(conn), {"scheduled": 2, "dead": 1})
    ended = {one.job: one for one in hearing.of(AttemptEnded)}
    assert ended[1].outcome == Done()
    assert ended[2].outcome == Done(skipped=True)
    assert isinstance(ended[3].outcome, Dead)
    assert ended[4].outcome == Release(timedelta(hours=1))
    assert isinstance(ended[5].outcome, Release)
    assert ended[5].processor is None
    assert 5 not in [one.job for one in hearing.of(AttemptStarted)]


@pytest.mark.parametrize("heeds", [True, False])
async def test_a_lost_lease_is_an_end_without_an_outcome(
    pg: Postgres, processors: Processors, conn: Connection, heeds: bool
) -> None:
    """Somebody else has the job now: nothing is told of it, even if the handler returned."""
    hearing, entered = Hearing(), asyncio.Event()

    @processors.process("audio")
    async def hold(payload: None) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if heeds:
                raise

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors], events=[hearing])):
        await soon(entered.wait())
        conn.execute("update pgqueue.jobs set lease = 7, visible_at = now() + interval '1 min'")
        await eventually(lambda: [one.outcome for one in hearing.of(AttemptEnded)], [None])


@pytest.mark.parametrize(
    "kind", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError]
)
async def test_a_listener_that_raises_harms_nobody(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    kind: type[BaseException],
) -> None:
    """Its error is logged; the job, the worker and the other listeners go on."""
    hearing, ran = Hearing(), []

    @processors.process("audio")
    async def run(payload: int) -> None:
        ran.append(payload)

    def raising(event: object) -> None:
        raise kind

    pg.push_many("audio", [1, 2], on=conn)
    worker = Worker(pg, include=[processors], concurrency=1, events=[raising, hearing])
    async with running(worker):
        await drained(conn)
    assert ran == [1, 2]
    assert [type(one) for one in hearing.heard[:3]] == [Changed, AttemptStarted, AttemptEnded]
    assert caplog.text.count("raised; the jobs go on") == len(hearing.heard) == 6


async def test_a_worker_tells_when_it_starts_and_when_it_has_stopped(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """Under the name that its leases carry; between the two lies all the rest."""
    hearing = Hearing()
    workers: list[str] = []

    @processors.process("audio")
    async def look(payload: None) -> None:
        row = conn.execute("select worker from pgqueue.jobs").fetchone()
        workers.append(row[0] if row else "")

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors], events=[hearing])):
        await drained(conn)
    [name] = workers
    assert hearing.of(Changed) == [Changed(name, "started"), Changed(name, "stopped")]
    assert (hearing.heard[0], hearing.heard[-1]) == tuple(hearing.of(Changed))


async def test_a_worker_that_is_cancelled_tells_that_it_has_stopped(
    pg: Postgres, processors: Processors
) -> None:
    """Whatever ends it: whoever counts workers must not count it for ever."""
    hearing = Hearing()

    @processors.process("audio")
    async def run(payload: None) -> None: ...

    task = asyncio.create_task(Worker(pg, include=[processors], events=[hearing]).run())
    await eventually(lambda: len(hearing.heard), 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(task)
    assert [one.state for one in hearing.of(Changed)] == ["started", "stopped"]
