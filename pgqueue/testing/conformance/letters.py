"""Dead letters: counted, listed, looked at, redriven, discarded and flushed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pytest

from pgqueue.outcome import Dead, Failure
from pgqueue.seam import DeadLetters
from pgqueue.testing.conformance.bench import OTHER, QUEUE, Both, opened, settle, soon


class Keeping(Both, Protocol):
    """A driver that keeps its dead."""

    @property
    def dead(self) -> DeadLetters:
        """Where they are."""
        ...


async def bury(driver: Keeping, *queues: str) -> Sequence[int]:
    """Push a job to each queue, and let it die."""
    async with opened(driver) as source:
        for queue in queues:
            await driver.push_json(queue, {"to": queue})
        found = await soon(source, times=len(queues))
        for delivery in found:
            await settle(source, delivery, Dead("aborted", Failure("ValueError: no")))
    return sorted(delivery.id for delivery in found)


class Letters:
    """What tools do with the dead."""

    async def test_the_dead_are_counted_listed_and_shown(self, driver: Any) -> None:
        """By queue, reason or all, page after page; with envelope, reason and failures."""
        ids = await bury(driver, QUEUE, OTHER, QUEUE)
        assert [await driver.dead.count(one) for one in (None, QUEUE, OTHER)] == [3, 2, 1]
        newest, oldest = await driver.dead.list(limit=2), await driver.dead.list(after=ids[1])
        assert [dead.id for dead in (*newest, *oldest)] == ids[::-1]
        counts = [await driver.dead.count(reason=one) for one in ("aborted", "lost")]
        assert (counts, await driver.dead.count(OTHER, error="Error: no")) == ([3, 0], 1)
        assert [dead.queue for dead in await driver.dead.list(QUEUE, limit=1)] == [QUEUE]
        shown = await driver.dead.get(ids[0])
        assert (shown.reason, shown.attempt) == ("aborted", 1)
        assert [failure.error for failure in shown.failures] == ["ValueError: no"]
        assert await driver.dead.get(max(ids) + 1) is None

    async def test_a_redriven_job_runs_again_as_it_was(self, driver: Any) -> None:
        """Same id and envelope, attempt 1 again; it is dead no more, and not redriven twice."""
        [number] = await bury(driver, QUEUE)
        before = await driver.dead.get(number)
        once, twice = [await driver.dead.redrive(number) for _ in range(2)]
        assert (bool(once), once.done, bool(twice), twice.unknown) == (
            True,
            (number,),
            False,
            once.done,
        )
        assert await driver.dead.count() == 0
        async with opened(driver) as source:
            [again] = await soon(source)
        assert (again.id, again.attempt, again.envelope) == (number, 1, before.envelope)

    async def test_the_dead_are_redriven_by_a_filter(self, driver: Any) -> None:
        """So many of a queue, the oldest first, and then the rest."""
        first, *_ = await bury(driver, QUEUE, QUEUE, OTHER)
        assert await driver.dead.redrive(QUEUE, limit=1) == 1
        assert await driver.dead.get(first) is None
        assert await driver.dead.redrive(reason="aborted") == 2
        assert await driver.dead.count() == 0

    async def test_the_dead_are_discarded_one_by_one_or_flushed(self, driver: Any) -> None:
        """An empty filter deletes nothing unless it is said."""
        first, *_ = await bury(driver, QUEUE, QUEUE, OTHER)
        assert [bool(await driver.dead.discard(first)) for _ in range(2)] == [True, False]
        for change in (driver.dead.flush, driver.dead.redrive):
            with pytest.raises(ValueError, match="all=True"):
                await change()
        assert [await driver.dead.flush(QUEUE), await driver.dead.count()] == [1, 1]
        assert [await driver.dead.flush(all=True), await driver.dead.count()] == [1, 0]
