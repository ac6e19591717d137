"""What a lease is worth: whoever holds it settles its attempt, and nobody else does."""

# The names of tests say what they are for.
# ruff: noqa: D102
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

import pytest

from pgqueue.outcome import Dead, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Delivery, JobSource, LeaseLost
from pgqueue.testing.conformance.bench import (
    LONG,
    QUEUE,
    SHORT,
    Both,
    asking,
    extend,
    opened,
    settle,
    soon,
)

FAILURE = Failure("ValueError: no")
OUTCOMES: dict[str, Outcome] = {
    "done": Done(),
    "retry": Retry(timedelta(), FAILURE),
    "retry later": Retry(LONG, FAILURE),
    "release": Release(),
    "snooze": Release(LONG),
    "dead": Dead("exhausted", FAILURE),
}


class Twice(NamedTuple):
    """A job that two workers believe to have; the first one's lease has lapsed."""

    source: JobSource
    stale: Delivery
    held: Delivery


@asynccontextmanager
async def claimed_twice(driver: Both) -> AsyncIterator[Twice]:
    """Let a lease lapse, and the job be claimed again."""
    await driver.push_json(QUEUE, 1)
    async with opened(driver) as source:
        [stale] = await source.claim(asking(lease=timedelta(milliseconds=1)))
        [held] = await soon(source)
        yield Twice(source, stale, held)


class Leases:
    """Fencing, and what prolongs a lease."""

    async def test_a_job_whose_lease_lapsed_comes_again_as_lost(self, driver: Both) -> None:
        async with claimed_twice(driver) as (_, stale, held):
            assert held.id == stale.id
            assert held.token != stale.token
            assert (stale.attempt, held.attempt) == (1, 2)
            assert (stale.lost, held.lost) == (False, True)

    @pytest.mark.parametrize("outcome", OUTCOMES)
    async def test_a_worker_that_lost_its_lease_settles_nothing(
        self, driver: Both, outcome: str
    ) -> None:
        async with claimed_twice(driver) as (source, stale, held):
            assert not await settle(source, stale, OUTCOMES[outcome])
            assert list(await source.claim(asking())) == []
            assert await settle(source, held, Done())

    @pytest.mark.parametrize("outcome", OUTCOMES)
    async def test_a_settled_attempt_cannot_be_settled_again(
        self, driver: Both, outcome: str
    ) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
            assert await settle(source, delivery, OUTCOMES[outcome])
            assert not await settle(source, delivery, Done())

    async def test_a_lease_that_is_extended_does_not_lapse(self, driver: Both) -> None:
        ids = [await driver.push_json(QUEUE, number) for number in range(2)]
        async with opened(driver) as source:
            kept, left = await source.claim(asking(lease=SHORT))
            assert await extend(source, [kept.lease], LONG) == {ids[0]: True}
            # Both were claimed for the same time: when one has lapsed, so would have the other.
            assert [one.id for one in await soon(source)] == [left.id]
            assert list(await source.claim(asking())) == []
            assert await settle(source, kept, Done())

    async def test_a_lease_that_is_lost_cannot_be_extended(self, driver: Both) -> None:
        async with claimed_twice(driver) as (source, stale, held):
            assert await extend(source, [stale.lease], LONG) == {}
            assert await extend(source, [held.lease], LONG) == {held.id: True}
            await settle(source, held, Done())
            assert await extend(source, [held.lease], LONG) == {}

    async def test_a_transaction_completes_the_job_at_its_end(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
            async with source.transaction(delivery.lease):
                pass
            assert not await settle(source, delivery, Done())

    async def test_a_transaction_in_a_thread_does_the_same(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())

            def handler() -> None:
                with source.transaction(delivery.lease):
                    pass

            await asyncio.to_thread(handler)
            assert not await settle(source, delivery, Done())

    async def test_a_transaction_that_fails_completes_nothing(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
            with pytest.raises(KeyError):
                async with source.transaction(delivery.lease):
                    raise KeyError
            assert await settle(source, delivery, Done())

    async def test_a_transaction_without_its_lease_completes_nothing(self, driver: Both) -> None:
        async with claimed_twice(driver) as (source, stale, held):
            with pytest.raises(LeaseLost):
                async with source.transaction(stale.lease):
                    pass
            assert await settle(source, held, Done())
