"""A wait that can be ended from outside."""

from __future__ import annotations

import asyncio

import pytest

from pgqueue.worker.service import Nap
from tests.worker.running import soon


async def test_a_nap_lasts_until_what_it_waits_for() -> None:
    nap, woken = Nap(), asyncio.Event()
    napping = asyncio.create_task(nap.take(woken.wait()))
    await asyncio.sleep(0)
    assert not napping.done()
    woken.set()
    await soon(napping)


async def test_a_nap_can_be_ended_and_taken_again() -> None:
    nap = Nap()
    for _ in range(2):
        napping = asyncio.create_task(nap.take(asyncio.Event().wait()))
        await asyncio.sleep(0)
        nap.end()
        await soon(napping)
        assert not napping.cancelled()


async def test_to_end_no_nap_does_nothing() -> None:
    nap, woken = Nap(), asyncio.Event()
    nap.end()
    napping = asyncio.create_task(nap.take(woken.wait()))
    await asyncio.sleep(0)
    assert not napping.done()
    woken.set()
    await soon(napping)
    nap.end()


@pytest.mark.parametrize("error", [OSError, TimeoutError])
async def test_an_error_of_what_is_waited_for_is_raised(error: type[Exception]) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(error):
        await Nap().take(fail())


async def test_a_nap_that_is_cancelled_is_no_ended_one() -> None:
    napping = asyncio.create_task(Nap().take(asyncio.Event().wait()))
    await asyncio.sleep(0)
    napping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(napping)
