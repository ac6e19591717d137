"""The keeper's thread: it waits for nobody, tells what it sees, and never holds up a stop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from pgqueue.errors import Unavailable
from pgqueue.seam import Extend, JobSource, Lease
from pgqueue.worker import keeper as module
from pgqueue.worker.keeper import Keeper
from pgqueue.worker.service import supervise
from tests.worker.running import eventually, finished, soon

LONG_AGO = float("-inf")
STILL = "the event loop stands still"


class One:
    """A running attempt whose lease is past its half."""

    def __init__(self, job: int) -> None:
        self.lease = Lease(job, 7)
        self.leased_at = LONG_AGO


class Extending:
    """A source that extends as it is told, and counts how often it was opened."""

    def __init__(self, extend: Callable[[Sequence[int]], Mapping[int, bool]]) -> None:
        self.opened = 0
        self._extend = extend

    @contextmanager
    def extender(self) -> Iterator[Extend]:
        self.opened += 1
        yield lambda leases, lease: self._extend([one.job for one in leases])


def keeper(source: Any, *held: One) -> tuple[Keeper, asyncio.Queue[int]]:
    """A keeper that beats fast, and the queue of what it says was lost."""
    lost: asyncio.Queue[int] = asyncio.Queue()
    second, beat = timedelta(seconds=1), timedelta(milliseconds=20)
    typed: JobSource = source
    keeps = Keeper(
        typed, lambda: held, lambda one: lost.put_nowait(one.job), lease=second, heartbeat=beat
    )
    return keeps, lost


@asynccontextmanager
async def keeping(keeps: Keeper) -> AsyncIterator[None]:
    """Supervise a keeper beside the block; it has to stop in time."""
    task = asyncio.create_task(supervise(keeps))
    try:
        yield
    finally:
        keeps.stop()
        await finished(task)
        task.result()


async def test_a_lease_that_is_held_and_locked_is_asked_for_again() -> None:
    """P3: it is neither lost nor taken for extended; what is missing is lost."""
    locked, free, gone = One(1), One(2), One(3)
    asked: list[Sequence[int]] = []
    again = asyncio.Event()
    loop = asyncio.get_running_loop()

    def extend(jobs: Sequence[int]) -> Mapping[int, bool]:
        asked.append(jobs)
        if len(asked) == 3:
            loop.call_soon_threadsafe(again.set)
        return {job: job != 1 for job in jobs if job != 3}

    keeps, lost = keeper(Extending(extend), locked, free, gone)
    async with keeping(keeps):
        assert await soon(lost.get()) == 3
        await soon(again.wait())
    assert asked[:2] == [[1, 2, 3], [1, 3]]
    assert locked.leased_at == LONG_AGO < free.leased_at


async def test_a_thread_that_hangs_is_given_up_and_does_not_hold_up_the_stop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """M26, P8: another one with another connection goes on; what the first says is not heard."""
    monkeypatch.setattr(module, "_LEAST_PATIENCE", 0.1)
    hanging, extended = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def extend(jobs: Sequence[int]) -> Mapping[int, bool]:
        if source.opened == 1:
            hanging.wait()
            return {}
        loop.call_soon_threadsafe(extended.set)
        return dict.fromkeys(jobs, True)

    source = Extending(extend)
    keeps, lost = keeper(source, One(1))
    async with keeping(keeps):
        await soon(extended.wait())
        before = threading.active_count()
        hanging.set()
        await eventually(threading.active_count, before - 1)
    assert "no answer to the extension of leases" in caplog.text
    assert lost.empty()


async def test_a_worker_stops_while_its_keeper_hangs() -> None:
    """P6: nobody waits for a connection that does not answer."""
    hanging, begun = threading.Event(), threading.Event()

    def extend(jobs: Sequence[int]) -> Mapping[int, bool]:
        begun.set()
        hanging.wait()
        return {}

    keeps, _ = keeper(Extending(extend), One(1))
    task = asyncio.create_task(keeps.run())
    assert await asyncio.to_thread(begun.wait, 30)
    keeps.stop()
    task.cancel()
    await asyncio.wait([task], timeout=30)
    assert task.cancelled()
    assert [one.daemon for one in threading.enumerate() if one.name == "pgqueue-keeper"] == [True]
    hanging.set()


async def test_a_lost_connection_is_the_supervisors_and_the_keeper_comes_back() -> None:
    """P8: the lease is extended on the next connection."""
    extended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def extend(jobs: Sequence[int]) -> Mapping[int, bool]:
        if source.opened == 1:
            raise Unavailable("away")
        loop.call_soon_threadsafe(extended.set)
        return dict.fromkeys(jobs, True)

    source = Extending(extend)
    keeps, lost = keeper(source, One(1))
    async with keeping(keeps):
        await soon(extended.wait())
    assert (source.opened, lost.empty()) == (2, True)


def blocking(password: str, until: Callable[[], bool]) -> None:
    """Hold up the loop until a thread has done something."""
    deadline = monotonic() + 30
    while not until() and monotonic() < deadline:
        time.sleep(0.01)


async def test_a_loop_that_stands_still_is_reported_once_with_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """M11: the stack names the handler, and no values; when it moves and stalls again, again."""
    beats = 0

    def extend(jobs: Sequence[int]) -> Mapping[int, bool]:
        nonlocal beats
        beats += 1
        return {}

    def stands() -> Sequence[logging.LogRecord]:
        return [one for one in caplog.records if STILL in one.getMessage()]

    password = "".join(["hun", "ter2"])
    keeps, _ = keeper(Extending(extend), One(1))
    async with keeping(keeps):
        await eventually(lambda: beats > 0, True)
        for times in (1, 2):
            blocking(password, lambda: len(stands()) == times)  # noqa: B023
            later = beats + 5
            blocking(password, lambda: beats > later)  # noqa: B023
            assert len(stands()) == times
            moving = beats + 5
            await eventually(lambda: beats > moving, True)  # noqa: B023
    assert [one.levelno for one in stands()] == [logging.WARNING] * 2
    text = stands()[0].getMessage()
    assert "in blocking" in text
    assert "asyncio/" not in text
    assert password not in text
