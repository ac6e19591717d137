"""The stamp that a service renews: what it says, and when."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pgqueue import Unavailable
from pgqueue.worker import service, stamp
from pgqueue.worker.service import supervise
from pgqueue.worker.stamp import Stamp
from tests.worker.running import soon


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every stamp."""
    clock = Clock()
    monkeypatch.setattr(stamp, "monotonic", clock)
    return clock


def test_two_intervals_without_progress_are_a_complaint(clock: Clock) -> None:
    """M19: two intervals, and not a moment earlier; the next progress ends it."""
    mine = Stamp("Fetcher", 5.0)
    clock.now += 10.0
    assert mine.complaint is None
    clock.now += 2.0
    assert mine.complaint == "Fetcher: no progress for 12 s"
    mine.renew()
    assert mine.complaint is None


def test_an_interval_is_a_second_at_least(clock: Clock) -> None:
    """M19: a poll every 10 ms does not make a slow moment look like trouble."""
    mine = Stamp("Fetcher", 0.01)
    clock.now += 2.0
    assert mine.complaint is None


def test_a_database_that_is_away_is_a_complaint_at_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """M19, M23: it tells for how long, and its return is told once."""
    caplog.set_level(logging.INFO, "pgqueue.worker")
    mine = Stamp("Fetcher", 5.0)
    mine.miss()
    clock.now += 3.0
    mine.miss()
    assert (mine.away, mine.complaint) == (True, "Fetcher: database unavailable for 3 s")
    mine.renew()
    mine.renew()
    assert (mine.away, mine.complaint) == (False, None)
    assert [one.getMessage() for one in caplog.records] == [
        "Fetcher has the database again, after 3.0 s"
    ]


class Ending:
    """A service that ends as the test says, one way after the other."""

    def __init__(self, *ends: Exception | None) -> None:
        self.stamp = Stamp("Ending", 1.0)
        self.seen: list[str | None] = []
        self._ends = list(ends)

    async def run(self) -> None:
        self.seen.append(self.stamp.complaint)
        if error := self._ends.pop(0):
            raise error

    def stop(self) -> None: ...


async def test_whoever_supervises_a_service_writes_down_how_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """M19: a service that was told to stop is nothing to complain about; a defect is."""
    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.0)
    well = Ending(Unavailable("away"), None)
    await soon(supervise(well))
    assert well.seen == [None, "Ending: database unavailable for 0 s"]
    assert (well.stamp.state, well.stamp.complaint) == ("ended", None)
    ill = Ending(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await asyncio.create_task(supervise(ill))
    assert ill.stamp.complaint == "Ending: ended by a defect"
