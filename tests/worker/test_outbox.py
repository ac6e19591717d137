"""Outcomes between the runner and whoever writes them: none is lost, none given out twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgqueue.outcome import DeadLetter, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Delivery, Exchanged
from pgqueue.worker.attempt import Attempt
from pgqueue.worker.fetcher import Appetite, Fetcher
from pgqueue.worker.outbox import BATCH, Outbox, Pending, tell
from pgqueue.worker.slots import Slots
from pgqueue.worker.until import Until
from tests.worker.running import PATIENCE, eventually

MOMENT = datetime.now(UTC)
LETTER = DeadLetter("audio", "exhausted", 1, (), MOMENT)
AGAIN = Retry(timedelta(0), Failure("no"))


class Told:
    """Makes outcomes, and remembers what is said of them."""

    def __init__(self) -> None:
        self.held: list[tuple[int, bool]] = []

    def of(self, job: int, outcome: Outcome, token: int = 7, *, dead: bool = False) -> Pending:
        """Return the outcome of an attempt that this is told of."""
        delivery = Delivery(
            job, token, "audio", None, 5, job, 1, None, None, None, "{}", MOMENT, False, False
        )
        if dead:
            delivery = delivery._replace(dead=LETTER)
        return Pending(Attempt(delivery, None), outcome, self._written)

    def _written(self, attempt: Attempt, held: bool) -> None:
        self.held.append((attempt.delivery.id, held))


def put(outbox: Outbox, *some: Pending) -> None:
    for one in some:
        outbox.put(one)


def test_only_completions_are_given_to_who_claims() -> None:
    """A claim takes along nothing else, and the settler gets the rest."""
    told, outbox = Told(), Outbox()
    done, retried, released = told.of(1, Done()), told.of(2, AGAIN), told.of(3, Release())
    letter, skipped = told.of(4, Done(), dead=True), told.of(5, Done(skipped=True))
    put(outbox, done, retried, released, letter, skipped)
    assert len(outbox) == 5
    assert outbox.completions() == [done, skipped]
    assert outbox.completions() == []
    assert sorted(one.attempt.delivery.id for one in outbox.batch()) == [2, 3, 4]
    assert not outbox


def test_a_second_attempt_at_the_same_job_waits_its_turn() -> None:
    """A statement names a job once; the older attempt comes first."""
    told, outbox = Told(), Outbox()
    first, second, third = (told.of(1, Done(), token) for token in (7, 8, 9))
    put(outbox, first, second, third)
    assert outbox.completions() == [first]
    assert outbox.batch() == [second]
    assert outbox.batch() == [third]
    assert not outbox


def test_a_batch_names_each_job_once_and_loses_none() -> None:
    """Whatever kinds of outcomes a job's attempts have."""
    told, outbox = Told(), Outbox()
    retried, done, other = told.of(1, AGAIN, 7), told.of(1, Done(), 8), told.of(2, Done())
    put(outbox, retried, done, other)
    assert {one.settlement for one in outbox.batch()} == {retried.settlement, other.settlement}
    assert outbox.batch() == [done]
    assert not outbox


def test_what_was_given_back_is_the_settlers() -> None:
    """What was tried in vain is not tried again beside a claim."""
    told, outbox = Told(), Outbox()
    some = [told.of(job, Done()) for job in range(3)]
    put(outbox, *some)
    taken = outbox.completions()
    later = told.of(9, Done())
    put(outbox, later)
    outbox.filled.clear()
    outbox.give_back(taken)
    assert outbox.filled.is_set()
    assert outbox.completions() == [later]
    put(outbox, later)
    assert sorted(one.attempt.delivery.id for one in outbox.batch()) == [0, 1, 2, 9]


def test_both_give_out_so_many_at_a_time() -> None:
    """What is left over stays."""
    told, outbox = Told(), Outbox()
    some = [told.of(job, Done()) for job in range(2 * BATCH + 1)]
    put(outbox, *some)
    assert outbox.completions() == some[:BATCH]
    batch = outbox.batch()
    assert sorted(one.attempt.delivery.id for one in batch) == [*range(BATCH, 2 * BATCH)]
    assert outbox.batch() == some[2 * BATCH :]


def test_a_completion_wakes_who_waits_for_it_and_else_the_settler() -> None:
    """One of the two always knows of it."""
    told, outbox = Told(), Outbox()
    woken: list[None] = []
    outbox.awaited = lambda: woken.append(None)
    outbox.put(told.of(1, Done()))
    assert (len(woken), outbox.filled.is_set()) == (1, False)
    outbox.put(told.of(2, AGAIN))
    assert (len(woken), outbox.filled.is_set()) == (1, True)
    outbox.filled.clear()
    outbox.leave()
    assert outbox.filled.is_set()
    outbox.filled.clear()
    outbox.put(told.of(3, Done()))
    assert (len(woken), outbox.filled.is_set()) == (1, True)


class Exchange:
    """A source that is never asked: there is no room."""

    def exchanges(self, rooms: object) -> bool:
        return True

    async def exchange(self, done: object, claim: object) -> Exchanged:
        raise AssertionError


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_comes_while_claiming_ends_is_the_settlers_at_once(cancelled: bool) -> None:
    """Nobody claims any more who could take it along, however the fetcher was ended."""
    source: Any = Exchange()
    told, outbox = Told(), Outbox()
    nobody = Appetite(
        worker="test",
        queues=(),
        strict=False,
        lease=timedelta(minutes=1),
        poll_interval=timedelta(minutes=1),
    )
    fetcher = Fetcher(source, Slots(1, []), outbox, nobody, lambda _: None, Until())
    fetching = asyncio.create_task(fetcher.run())
    await eventually(lambda: outbox.awaited is not None, True)
    outbox.put(told.of(1, Done()))
    assert not outbox.filled.is_set()
    if cancelled:
        fetching.cancel()
    else:
        fetcher.stop()
    await asyncio.wait([fetching], timeout=PATIENCE)
    assert outbox.filled.is_set()
    assert outbox.awaited is None
    assert len(outbox.batch()) == 1


def test_each_is_told_whether_its_lease_held() -> None:
    """By the jobs that were written."""
    told = Told()
    tell([told.of(1, Done()), told.of(2, Done())], {2, 3})
    assert told.held == [(1, False), (2, True)]
