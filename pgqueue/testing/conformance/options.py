"""Options of a push: each of them is heeded, or refused by its name, and never passed over."""

# The names of tests say what they are for.
# ruff: noqa: D102
from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from pgqueue.backoff import exponential
from pgqueue.outcome import Release
from pgqueue.seam import Delivery, JobProducer, UnsupportedOption
from pgqueue.testing.conformance.bench import LONG, QUEUE, SHORT, Both, opened, settle, soon

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def has(driver: JobProducer, payload: Any, **option: Any) -> bool:
    """Push with one option; return False if the driver says that it does not have it."""
    [name] = option
    try:
        await driver.push_json(QUEUE, payload, **option)
    except UnsupportedOption as error:
        if name not in str(error):
            raise AssertionError(f"the error does not name {name}: {error}") from error
        return False
    return True


@asynccontextmanager
async def next_of(driver: Both) -> AsyncIterator[Delivery]:
    """The job that comes next."""
    async with opened(driver) as source:
        [delivery] = await soon(source)
        yield delivery


class Options:
    """What a driver may offer."""

    async def test_a_name_comes_with_the_job_or_is_refused(self, driver: Both) -> None:
        if await has(driver, 1, name="welcome"):
            async with next_of(driver) as delivery:
                assert delivery.name == "welcome"

    async def test_priorities_come_in_their_order_or_are_refused(self, driver: Both) -> None:
        if await has(driver, 9, priority=9):
            for priority in (5, 0, 3):
                await driver.push_json(QUEUE, priority, priority=priority)
            async with opened(driver) as source:
                found = [(await soon(source))[0] for _ in range(4)]
            assert [one.priority for one in found] == [0, 3, 5, 9]

    async def test_a_delay_passes_before_the_job_comes_or_is_refused(self, driver: Both) -> None:
        pushed = monotonic()
        if await has(driver, 1, delay=SHORT):
            async with next_of(driver):
                assert monotonic() - pushed >= SHORT.total_seconds()

    async def test_a_job_may_wait_for_a_moment_unless_that_is_refused(self, driver: Both) -> None:
        moment = datetime.now(UTC) + SHORT
        if await has(driver, 1, run_at=moment):
            async with next_of(driver):
                # Clocks of two machines may differ a little.
                assert datetime.now(UTC) > moment - SHORT / 2

    async def test_attempts_come_with_the_job_or_are_refused(self, driver: Both) -> None:
        if await has(driver, 1, attempts=3):
            async with next_of(driver) as delivery:
                assert delivery.max_attempts == 3

    async def test_a_backoff_comes_with_the_job_or_is_refused(self, driver: Both) -> None:
        backoff = exponential("5s", cap="1m")
        if await has(driver, 1, backoff=backoff):
            async with next_of(driver) as delivery:
                assert delivery.backoff is not None
                assert type(backoff).from_json(json.loads(delivery.backoff)) == backoff

    async def test_a_timeout_comes_with_the_job_or_is_refused(self, driver: Both) -> None:
        if await has(driver, 1, timeout="30s"):
            async with next_of(driver) as delivery:
                assert delivery.timeout == 30.0

    async def test_a_carrier_comes_with_the_job_or_is_refused(self, driver: Both) -> None:
        if await has(driver, 1, carrier={"traceparent": TRACE}):
            async with next_of(driver) as delivery:
                assert json.loads(delivery.envelope)["traceparent"] == TRACE

    async def test_a_job_in_time_is_not_expired(self, driver: Both) -> None:
        if await has(driver, 1, expires_in=LONG):
            async with next_of(driver) as delivery:
                assert not delivery.expired

    async def test_a_job_expires_when_its_time_is_over(self, driver: Both) -> None:
        if await has(driver, 1, expires_in=timedelta(milliseconds=1)):
            async with opened(driver) as source:
                [delivery] = await soon(source)
                while not delivery.expired:  # not over yet
                    await settle(source, delivery, Release(timedelta(milliseconds=1)))
                    [delivery] = await soon(source)
