"""Processors of dead letters: the same typed payload, and what they may return."""

from __future__ import annotations

import asyncio

import pytest

from pgqueue import Discard, Job, Postgres, Processors, Queue, Redrive, Worker, fixed
from tests.worker.orders import HANDLED, ORDERS, Order, dying, until
from tests.worker.running import Connection, drained, eventually, one, running, soon


async def test_an_exhausted_job_reaches_the_processor_of_its_dead_letters(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L1, D10, A24: same typed payload and id; why it died, and its failures in their order."""
    came: asyncio.Queue[Job[Order]] = asyncio.Queue()

    @processors.process(ORDERS, attempts=3, backoff=fixed(0))
    def fail(job: Job[Order]) -> None:
        raise ValueError(f"attempt {job.attempt}")

    @processors.process(ORDERS.dead, attempts=2)
    async def mourn(job: Job[Order]) -> None:
        await came.put(job)

    pushed = pg.push(ORDERS, Order(7), on=conn, name="first", attempts=3)
    async with running(Worker(pg, include=[processors])):
        job = await soon(came.get())
        await until(conn, ("exhausted", True, False))
    assert (job.id, job.queue, job.name, job.payload) == (pushed, "orders.dead", "first", Order(7))
    assert (job.attempt, job.max_attempts) == (1, 2)
    assert job.dead is not None
    assert (job.dead.queue, job.dead.reason, job.dead.attempts) == ("orders", "exhausted", 3)
    assert [(failure.attempt, failure.error) for failure in job.dead.failures] == [
        (n, f"ValueError: attempt {n}") for n in (1, 2, 3)
    ]
    assert all(failure.at and failure.worker for failure in job.dead.failures)
    assert job.dead.died_at == one(conn, "select died_at from pgqueue.dead_jobs")


async def test_a_letter_that_was_handled_stays_and_is_not_given_again(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L2: list, count and redrive still see it, and count(unhandled=True) does not."""
    seen: list[int] = []
    dying(processors)

    @processors.process(ORDERS.dead)
    async def mourn(order: Order) -> None:
        seen.append(order.number)

    first = pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await until(conn, HANDLED)
        pg.push(ORDERS, Order(2), on=conn)
        await eventually(lambda: sorted(seen), [1, 2])
    assert await pg.dead.count("orders") == 2
    await eventually(lambda: seen, [1, 2])
    assert await pg.dead.count("orders", unhandled=True) == 0
    assert bool(await pg.dead.redrive(first))


@pytest.mark.parametrize("plain", [False, True])
async def test_a_handler_may_redrive_a_letter(
    pg: Postgres, processors: Processors, conn: Connection, plain: bool
) -> None:
    """L2: one statement makes it a job again, with a fresh budget and its failures kept."""
    runs: list[tuple[int, int]] = []

    @processors.process(ORDERS, attempts=1)
    def fill(job: Job[Order]) -> None:
        runs.append((job.id, job.attempt))
        if len(runs) == 1:
            raise ValueError("not yet")

    def again(job: Job[Order]) -> Redrive | Discard | None:
        assert job.dead is not None
        return Redrive() if job.dead.redrives == 0 else None

    async def again_later(job: Job[Order]) -> Redrive:
        return Redrive(delay="10ms")

    processors.process(ORDERS.dead)(again if plain else again_later)
    job = pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: len(runs), 2)
        await drained(conn)
    assert runs == [(job, 1), (job, 1)]
    assert await pg.dead.count() == 0


async def test_a_letter_may_be_redriven_to_another_queue(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L2: Redrive(queue=…), after a delay that the row waits out, not a worker."""
    dying(processors)

    @processors.process(ORDERS.dead)
    async def hand_over(order: Order) -> Redrive:
        return Redrive(delay="1h", queue=Queue("by-hand", Order))

    pg.push(ORDERS, Order(1), on=conn)
    where = (
        "select queue, attempt, jsonb_array_length(failures), redrives, run_at > now() + '59min'"
    )
    async with running(Worker(pg, include=[processors])):
        await eventually(
            lambda: one(conn, f"{where} from pgqueue.scheduled_jobs"), ("by-hand", 0, 1, 1, True)
        )
    assert await pg.dead.count() == 0


@pytest.mark.parametrize("default", [False, True])
async def test_a_handler_may_discard_a_letter(
    pg: Postgres, processors: Processors, conn: Connection, default: bool
) -> None:
    """L2: by Discard(), or for all that return None by dead_success."""
    dying(processors)

    async def forget(order: Order) -> Discard | None:
        return None if default else Discard()

    processors.process(ORDERS.dead, dead_success="discard" if default else "keep")(forget)
    pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: one(conn, "select count(*) from pgqueue.jobs"), 0)
        await drained(conn)
        await eventually(lambda: one(conn, "select count(*) from pgqueue.dead_jobs"), 0)


async def test_what_an_ordinary_handler_returns_is_only_warned_of(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """D25: the return value does not matter to delivery."""

    @processors.process(ORDERS)
    async def fill(order: Order) -> Redrive:
        return Redrive()

    pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert "returned Redrive, which is ignored" in caplog.text
