"""How a worker sleeps: until there may be something to claim, and no longer."""

# The names of tests say what they are for.
# ruff: noqa: D102
from __future__ import annotations

import asyncio
from datetime import timedelta

from pgqueue.outcome import Failure, Release, Retry
from pgqueue.seam import Delivery, JobSource
from pgqueue.testing.conformance.bench import (
    LONG,
    QUEUE,
    SHORT,
    Both,
    asking,
    opened,
    patiently,
    settle,
)


async def arrival(source: JobSource) -> Delivery:
    """Sleep as an idle worker does, with nothing but a wake-up to end it, until a job comes."""
    while not (found := await source.claim(asking(limit=1))):
        await source.wait(LONG)
    return found[0]


class Waiting:
    """Being woken."""

    async def test_a_push_wakes_a_sleeping_worker(self, driver: Both) -> None:
        async with opened(driver) as source:
            for number in range(5):
                sleeping = asyncio.create_task(arrival(source))
                pushed = await driver.push_json(QUEUE, number)
                assert (await patiently(sleeping)).id == pushed

    async def test_what_came_after_the_last_look_is_not_slept_over(self, driver: Both) -> None:
        async with opened(driver) as source:
            for number in range(3):
                assert list(await source.claim(asking())) == []
                pushed = await driver.push_json(QUEUE, number)
                await patiently(asyncio.create_task(source.wait(LONG)))
                found = await patiently(asyncio.create_task(arrival(source)))
                assert found.id == pushed

    async def test_every_one_of_several_sleepers_may_be_woken(self, driver: Both) -> None:
        async with opened(driver) as one, opened(driver) as two:
            sleeping = [asyncio.create_task(arrival(source)) for source in (one, two)]
            pushed = {await driver.push_json(QUEUE, number) for number in range(2)}
            assert {(await patiently(each)).id for each in sleeping} == pushed

    async def test_a_job_that_is_given_back_wakes_another_worker(self, driver: Both) -> None:
        async with opened(driver) as one, opened(driver) as two:
            await driver.push_json(QUEUE, 1)
            [delivery] = await one.claim(asking())
            sleeping = asyncio.create_task(arrival(two))
            await settle(one, delivery, Release())
            assert (await patiently(sleeping)).id == delivery.id

    async def test_a_delay_that_is_over_ends_the_sleep(self, driver: Both) -> None:
        async with opened(driver) as source:
            await driver.push_json(QUEUE, 1)
            [delivery] = await source.claim(asking())
            await settle(source, delivery, Retry(SHORT, Failure("ValueError: no")))
            sleeping = asyncio.create_task(arrival(source))
            assert (await patiently(sleeping)).attempt == 2

    async def test_a_sleep_ends_when_its_time_is_over(self, driver: Both) -> None:
        async with opened(driver) as source:
            assert list(await source.claim(asking())) == []
            await patiently(asyncio.create_task(source.wait(timedelta(milliseconds=20))))
