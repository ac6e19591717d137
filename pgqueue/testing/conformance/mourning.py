"""Dead letters, given to their processors: claimed, kept and settled like any job."""

# The names of tests say what they are for.
# ruff: noqa: D102
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from pgqueue.outcome import Dead, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Delivery, Discard, JobSource, Lease, Redrive, Settlement
from pgqueue.testing.conformance.bench import (
    LONG,
    OTHER,
    PATIENCE,
    QUEUE,
    asking,
    extend,
    opened,
    patiently,
    payload,
    settle,
    soon,
)

ADDRESS = f"{QUEUE}.dead"
WHOLE = {QUEUE: 10, OTHER: 10, ADDRESS: 10}
ONLY = {ADDRESS: 10}
MOMENT = timedelta(milliseconds=1)
DIED = Failure("ValueError: it died")
FAILED = Failure("KeyError: nor could it be mourned")
OUTCOMES: dict[str, Outcome] = {
    "done": Done(),
    "retry": Retry(timedelta(), FAILED),
    "release": Release(),
    "snooze": Release(LONG),
    "park": Dead("exhausted", FAILED),
    "redrive": Redrive(),
    "redrive later": Redrive(delay=LONG),
    "discard": Discard(),
}


@asynccontextmanager
async def mourning(driver: Any) -> AsyncIterator[JobSource]:
    """A source as a worker has it that serves the address, too; one job has died before."""
    await driver.push_json(QUEUE, {"file": "a.mp3"}, name="hi-fi", attempts=7)
    async with opened(driver) as source:
        [dying] = await soon(source)
        assert await settle(source, dying, Dead("aborted", DIED))
    async with driver.source([QUEUE, OTHER, ADDRESS], "conformance:mourning") as source:
        yield source


async def letter(source: JobSource, *, lease: timedelta = LONG) -> Delivery:
    """Claim the letter, waiting for it as a worker does."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await source.claim(asking(ONLY, lease=lease))):
            await source.wait(timedelta(milliseconds=50))
    [delivery] = found
    assert delivery.lease.dead
    return delivery


async def only_another_comes(driver: Any, source: JobSource) -> None:
    """Let another job die: its letter is claimed alone, and discarded."""
    other = await driver.push_json(QUEUE, "another")
    [dying] = await soon(source)
    assert await settle(source, dying, Dead("lost"))
    found = await letter(source)
    assert found.id == other
    assert await settle(source, found, Discard())


class Mourning:
    """Claims, leases and outcomes of dead letters."""

    async def test_a_letter_comes_with_its_job_and_why_it_died(self, driver: Any) -> None:
        async with mourning(driver) as source:
            found = await letter(source)
            assert (found.queue, found.name, found.attempt) == (ADDRESS, "hi-fi", 1)
            assert payload(found) == {"file": "a.mp3"}
            # What the push allowed was for the job.
            assert (found.max_attempts, found.backoff, found.timeout) == (None, None, None)
            assert found.dead is not None
            dead = found.dead
            assert (dead.queue, dead.reason, dead.attempts) == (QUEUE, "aborted", 1)
            assert ([one.error for one in dead.failures], dead.redrives) == ([DIED.error], 0)
            assert list(await source.claim(asking(WHOLE))) == []

    async def test_only_who_asks_for_the_address_gets_letters(self, driver: Any) -> None:
        async with mourning(driver) as source:
            assert list(await source.claim(asking())) == []
            assert list(await source.claim(asking({f"{OTHER}.dead": 1, QUEUE: 1}))) == []
            assert await letter(source)

    async def test_a_handled_letter_stays_and_does_not_come_again(self, driver: Any) -> None:
        async with mourning(driver) as source:
            found = await letter(source, lease=MOMENT)
            assert await settle(source, found, Done())
            await only_another_comes(driver, source)
            assert await driver.dead.count(QUEUE) == 1
            assert await driver.dead.count(QUEUE, unhandled=True) == 0
            assert [one.id for one in await driver.dead.list(parked=False)] == [found.id]

    async def test_a_failed_attempt_is_counted_and_a_released_one_is_not(self, driver: Any) -> None:
        async with mourning(driver) as source:
            steps: list[tuple[Outcome, int]] = [
                (Retry(timedelta(), FAILED), 1),
                (Release(), 2),
                (Done(), 2),
            ]
            for outcome, attempt in steps:
                found = await letter(source)
                assert found.attempt == attempt
                assert found.dead is not None
                assert [one.error for one in found.dead.failures] == [DIED.error]
                assert await settle(source, found, outcome)

    @pytest.mark.parametrize("outcome", ["snooze", "retry later"])
    async def test_a_letter_waits_until_it_is_due(self, driver: Any, outcome: str) -> None:
        waits = Release(LONG) if outcome == "snooze" else Retry(LONG, FAILED)
        async with mourning(driver) as source:
            assert await settle(source, await letter(source), waits)
            assert list(await source.claim(asking(WHOLE))) == []
            assert source.delayed

    async def test_a_parked_letter_stays_and_does_not_come_again(self, driver: Any) -> None:
        async with mourning(driver) as source:
            found = await letter(source, lease=MOMENT)
            assert await settle(source, found, Dead("exhausted", FAILED))
            await only_another_comes(driver, source)
            assert [one.id for one in await driver.dead.list(parked=True)] == [found.id]
            assert await driver.dead.count(QUEUE, unhandled=True) == 1

    @pytest.mark.parametrize("queue", [None, OTHER])
    async def test_a_redriven_letter_is_a_job_again(self, driver: Any, queue: str | None) -> None:
        async with mourning(driver) as source:
            found = await letter(source)
            assert await settle(source, found, Redrive(queue=queue, delay="1ms" if queue else None))
            assert await driver.dead.count() == 0
            [again] = await soon(source)
            assert (again.id, again.queue, again.name) == (found.id, queue or QUEUE, "hi-fi")
            assert (again.attempt, again.max_attempts, again.envelope) == (1, 7, found.envelope)
            assert (again.dead, again.lease.dead) == (None, False)
            assert await settle(source, again, Dead("exhausted", DIED))
            assert (await driver.dead.get(found.id)).redrives == 1

    async def test_a_discarded_letter_is_gone(self, driver: Any) -> None:
        async with mourning(driver) as source:
            assert await settle(source, await letter(source), Discard())
            assert await driver.dead.count() == 0

    async def test_snoozes_of_a_letter_are_counted_until_its_next_failure(
        self, driver: Any
    ) -> None:
        async with mourning(driver) as source:
            counts = []
            outcomes = (Release(MOMENT), Release(), Release(MOMENT), Retry(MOMENT, FAILED), Done())
            for outcome in outcomes:
                found = await letter(source)
                counts.append((found.attempt, found.snoozes))
                assert await settle(source, found, outcome)
            assert counts == [(1, 0), (1, 1), (1, 1), (1, 2), (2, 0)]

    @pytest.mark.parametrize("outcome", OUTCOMES)
    async def test_who_lost_the_lease_of_a_letter_settles_nothing(
        self, driver: Any, outcome: str
    ) -> None:
        async with mourning(driver) as source:
            stale = await letter(source, lease=MOMENT)
            held = await letter(source)
            assert (held.attempt, held.lost) == (2, True)
            assert not await settle(source, stale, OUTCOMES[outcome])
            assert await settle(source, held, OUTCOMES[outcome])
            assert not await settle(source, held, Done())

    async def test_the_lease_of_a_letter_is_one_of_its_own(self, driver: Any) -> None:
        async with mourning(driver) as source:
            found = await letter(source)
            as_job = Lease(found.id, found.token)
            assert await extend(source, [as_job], LONG) == {}
            assert await extend(source, [found.lease], LONG) == {found.id: True}
            assert set(await source.settle([Settlement(as_job, Done())])) == set()
            assert await settle(source, found, Done())
            assert await extend(source, [found.lease], LONG) == {}

    async def test_a_transaction_marks_a_letter_as_handled(self, driver: Any) -> None:
        async with mourning(driver) as source:
            found = await letter(source)
            async with source.transaction(found.lease):
                pass
            assert not await settle(source, found, Done())
            assert await driver.dead.count(QUEUE, unhandled=True) == 0

    async def test_a_letter_at_work_is_left_alone_by_the_tools(self, driver: Any) -> None:
        async with mourning(driver) as source:
            found = await letter(source)
            for act in (driver.dead.redrive, driver.dead.discard):
                assert (await act([found.id])).held == (found.id,)
            assert await settle(source, found, Done())
            assert (await driver.dead.redrive([found.id])).done == (found.id,)

    async def test_a_death_wakes_who_serves_the_address(self, driver: Any) -> None:
        async with mourning(driver) as source, opened(driver) as other:
            await settle(source, await letter(source), Discard())
            waiting = asyncio.create_task(letter(source))
            await driver.push_json(OTHER, 1)
            await driver.push_json(QUEUE, 2)
            for dying in await soon(other, times=2):
                await settle(other, dying, Dead("lost"))
            assert payload(await patiently(waiting)) == 2
