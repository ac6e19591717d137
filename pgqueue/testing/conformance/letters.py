"""Dead letters: counted, listed, looked at, redriven, discarded and flushed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pytest

from pgqueue.outcome import Dead, Failure
from pgqueue.seam import DeadLetters
from pgqueue.testing.conformance.bench import OTHER, QUEUE, Both, opened, settle, soon


class Mourning(Both, Protocol):
    """A driver that keeps its dead."""

    @property
    def dead(self) -> DeadLetters:
        """Where they are."""
        ...


async def bury(driver: Mourning, *queues: str) -> Sequence[int]:
    """Push a job to each queue, and let it die."""
    async with opened(driver) as source:
        for queue in queues:
            await driver.push_json(queue, {"to": queue})
        found = await soon(source, times=len(queues))
        for delivery in found:
            await settle(source, delivery, Dead("aborted", Failure("ValueError: no")))
    return sorted(delivery.id for delivery in found)


class LettersConformance:
    """What a driver with `dead` has to show besides; the fixture `driver` gives a new one."""

    async def test_the_dead_are_counted_listed_and_shown(self, driver: Any) -> None:
        """By queue or all; with envelope, reason and failures."""
        ids = await bury(driver, QUEUE, OTHER, QUEUE)
        assert [await driver.dead.count(one) for one in (None, QUEUE, OTHER)] == [3, 2, 1]
        assert [dead.id for dead in await driver.dead.list()] == ids
        assert [dead.queue for dead in await driver.dead.list(QUEUE, limit=1)] == [QUEUE]
        shown = await driver.dead.get(ids[0])
        assert (shown.reason, shown.attempt) == ("aborted", 1)
        assert [failure.error for failure in shown.failures] == ["ValueError: no"]
        assert await driver.dead.get(max(ids) + 1) is None

    async def test_a_redriven_job_runs_again_as_it_was(self, driver: Any) -> None:
        """Same id and envelope, attempt 1 again; it is dead no more, and not redriven twice."""
        [number] = await bury(driver, QUEUE)
        before = await driver.dead.get(number)
        assert [await driver.dead.redrive(number) for _ in range(2)] == [True, False]
        assert await driver.dead.count() == 0
        async with opened(driver) as source:
            [again] = await soon(source)
        assert (again.id, again.attempt, again.envelope) == (number, 1, before.envelope)

    async def test_the_dead_are_discarded_one_by_one_or_flushed(self, driver: Any) -> None:
        """An empty filter deletes nothing unless it is said."""
        first, *_ = await bury(driver, QUEUE, QUEUE, OTHER)
        assert [await driver.dead.discard(first) for _ in range(2)] == [True, False]
        with pytest.raises(ValueError, match="everything"):
            await driver.dead.flush()
        assert [await driver.dead.flush(QUEUE), await driver.dead.count()] == [1, 1]
        assert [await driver.dead.flush(everything=True), await driver.dead.count()] == [1, 0]
