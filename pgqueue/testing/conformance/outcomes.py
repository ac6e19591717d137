"""What becomes of a job by each outcome of its attempt."""

# The names of tests say what they are for.
# ruff: noqa: D102
from __future__ import annotations

from time import monotonic

from pgqueue.outcome import Dead, Done, Failure, Release, Retry
from pgqueue.seam import Settlement
from pgqueue.testing.conformance.bench import LONG, QUEUE, SHORT, Both, asking, opened, settle, soon

FAILURE = Failure("ValueError: no", "Traceback …")


class Outcomes:
    """Settling an attempt whose lease holds."""

    async def test_a_job_that_is_done_never_comes_again(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
            assert await settle(source, delivery, Done())
            assert list(await source.claim(asking())) == []

    async def test_a_dead_job_never_comes_again(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
            assert await settle(source, delivery, Dead("rejected", FAILURE, counted=False))
            assert list(await source.claim(asking())) == []

    async def test_a_retry_comes_after_its_delay_as_the_next_attempt(self, driver: Both) -> None:
        pushed = await driver.push_json(QUEUE, {"a": 1})
        async with opened(driver) as source:
            [first] = await source.claim(asking())
            failed = monotonic()
            assert await settle(source, first, Retry(SHORT, FAILURE))
            [second] = await soon(source)
            assert monotonic() - failed >= SHORT.total_seconds()
        assert (second.id, second.attempt, second.lost) == (pushed, 2, False)
        assert second.envelope == first.envelope

    async def test_a_release_comes_at_once_as_the_same_attempt(self, driver: Both) -> None:
        pushed = await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [first] = await source.claim(asking())
            assert await settle(source, first, Release())
            [second] = await source.claim(asking())
        assert (second.id, second.attempt) == (pushed, 1)
        assert second.token != first.token

    async def test_a_snooze_comes_after_its_delay_as_the_same_attempt(self, driver: Both) -> None:
        pushed = await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [first] = await source.claim(asking())
            released = monotonic()
            assert await settle(source, first, Release(SHORT))
            [second] = await soon(source)
            assert monotonic() - released >= SHORT.total_seconds()
            assert (second.id, second.attempt, second.unwanted) == (pushed, 1, None)
            assert (first.snoozes, second.snoozes) == (0, 1)
            assert second.age - first.age > SHORT.total_seconds() - 0.001
            await settle(source, second, Release(SHORT))
            [third] = await soon(source)
            await settle(source, third, Retry(SHORT, Failure("ValueError")))
            [fourth] = await soon(source)
        assert (third.snoozes, fourth.snoozes) == (2, 0)

    async def test_a_job_that_nobody_wants_tells_for_how_long(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        async with opened(driver) as source:
            [delivery] = await source.claim(asking())
            assert delivery.unwanted is None
            note = Failure("no worker has a processor for it")
            noted = monotonic()
            await settle(source, delivery, Release(SHORT, note))
            [delivery] = await soon(source)
            await settle(source, delivery, Release(SHORT, note))
            [delivery] = await soon(source)
        assert delivery.unwanted is not None
        # Since the first note; the storage's clock counts in its own way.
        assert SHORT.total_seconds() < delivery.unwanted < monotonic() - noted + 1

    async def test_a_job_that_waits_is_in_nobodys_way(self, driver: Both) -> None:
        await driver.push_json(QUEUE, 1)
        second = await driver.push_json(QUEUE, 2)
        async with opened(driver) as source:
            [first] = await source.claim(asking(limit=1))
            await settle(source, first, Retry(LONG, FAILURE))
            assert [one.id for one in await source.claim(asking())] == [second]
            assert source.delayed

    async def test_many_outcomes_are_written_together(self, driver: Both) -> None:
        for number in range(5):
            await driver.push_json(QUEUE, number)
        async with opened(driver) as source:
            done, failed, released, dead, gone = await source.claim(asking())
            await settle(source, gone, Done())
            written = await source.settle(
                [
                    Settlement(done.lease, Done()),
                    Settlement(failed.lease, Retry(LONG, FAILURE)),
                    Settlement(released.lease, Release()),
                    Settlement(dead.lease, Dead("aborted", FAILURE)),
                    Settlement(gone.lease, Done()),
                ]
            )
            assert set(written) == {done.id, failed.id, released.id, dead.id}
            assert [one.id for one in await source.claim(asking())] == [released.id]

    async def test_nothing_to_settle_is_nothing_written(self, driver: Both) -> None:
        async with opened(driver) as source:
            assert list(await source.settle([])) == []
