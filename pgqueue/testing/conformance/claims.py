"""What a claim gives: jobs as they were pushed, each to one worker, in order, within the room."""

# The names of tests say what they are for.
# ruff: noqa: D102
from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgqueue.sealing import WIRE_FORMAT_VERSION
from pgqueue.testing.conformance.bench import OTHER, QUEUE, Both, asking, opened, payload

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    1.5,
    1e-7,
    "",
    'ü € 𝄞 \\ " / \n',
    [],
    {},
    [1, [2, [3, {}]]],
    {"a": {"b": [None, "c", 0.1]}, "": "empty key", "v": WIRE_FORMAT_VERSION},
    {"v": "one", "payload": "no envelope"},
]


class Claims:
    """Who gets which jobs."""

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    async def test_a_payload_comes_back_equal(self, driver: Both, value: Any) -> None:
        await driver.push_json(QUEUE, value)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
        found = payload(delivery)
        assert (found, type(found)) == (value, type(value))

    async def test_what_the_pusher_changes_later_changes_no_job(self, driver: Both) -> None:
        value = {"files": ["a.mp3"]}
        await driver.push_json(QUEUE, value)
        value["files"].append("b.mp3")
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
        assert payload(delivery) == {"files": ["a.mp3"]}

    async def test_a_claim_leases_the_first_attempt(self, driver: Both) -> None:
        pushed = await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            wanted = asking()
            [delivery] = await source.claim(wanted)
        assert (delivery.id, delivery.token) == (pushed, wanted.token)
        assert (delivery.queue, delivery.name, delivery.attempt) == (QUEUE, None, 1)
        assert delivery.pushed_at.tzinfo is not None
        assert not delivery.lost
        assert not delivery.expired

    async def test_a_silent_push_leaves_the_policy_to_the_processor(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
        assert (delivery.max_attempts, delivery.backoff, delivery.timeout) == (None, None, None)

    async def test_nobody_else_gets_a_leased_job(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source, opened(driver) as other:
            assert len(await source.claim(asking())) == 1
            assert [*await source.claim(asking()), *await other.claim(asking())] == []

    async def test_jobs_come_in_the_order_of_their_pushes(self, driver: Both) -> None:
        ids = [await driver.push_json(QUEUE, number) for number in range(20)]
        async with opened(driver) as source:
            [first] = await source.claim(asking(limit=1))
            some = await source.claim(asking({QUEUE: 7}))
            [next_] = await source.claim(asking(limit=1))
        assert (first.id, next_.id) == (ids[0], ids[8])
        # What is claimed together starts together.
        assert sorted(one.id for one in some) == sorted(ids[1:8])

    async def test_a_queue_gives_no_more_than_there_is_room_for(self, driver: Both) -> None:
        for queue in (QUEUE, OTHER):
            for number in range(5):
                await driver.push_json(queue, number)
        async with opened(driver) as source:
            found = await source.claim(asking({QUEUE: 2, OTHER: 3}))
        assert sorted(one.queue for one in found) == [QUEUE] * 2 + [OTHER] * 3

    async def test_all_queues_together_give_no_more_than_the_limit(self, driver: Both) -> None:
        for queue in (QUEUE, OTHER):
            for number in range(5):
                await driver.push_json(queue, number)
        async with opened(driver) as source:
            assert len(await source.claim(asking(limit=7))) == 7

    async def test_the_queue_that_is_preferred_is_emptied_first(self, driver: Both) -> None:
        for queue in (QUEUE, OTHER, QUEUE, OTHER):
            await driver.push_json(queue, 1)
        async with opened(driver) as source:
            found = await source.claim(asking({OTHER: 9, QUEUE: 9}, limit=3))
        assert sorted(one.queue for one in found) == [QUEUE, OTHER, OTHER]

    async def test_a_queue_that_is_not_asked_for_gives_nothing(self, driver: Both) -> None:
        await driver.push_json(OTHER, 1)
        async with opened(driver) as source:
            assert list(await source.claim(asking({QUEUE: 9}))) == []
            assert len(await source.claim(asking({OTHER: 9}))) == 1

    async def test_claims_at_the_same_time_share_no_job(self, driver: Both) -> None:
        ids = [await driver.push_json(QUEUE, number) for number in range(30)]
        async with opened(driver) as one, opened(driver) as two, opened(driver) as three:
            claims = [source.claim(asking(limit=10)) for source in (one, two, three)]
            found = [each.id for some in await asyncio.gather(*claims) for each in some]
            found += [each.id for each in await one.claim(asking())]
        assert sorted(found) == sorted(ids)

    async def test_jobs_outlive_the_worker_that_could_have_had_them(self, driver: Both) -> None:
        async with opened(driver):
            pushed = await driver.push_json(QUEUE, 1)
        async with opened(driver) as later:
            assert [one.id for one in await later.claim(asking())] == [pushed]
