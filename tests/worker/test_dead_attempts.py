"""Processors of dead letters fail, stop and die like any other; then the letter is parked."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from pgqueue import Abort, Discard, Job, Postgres, Processors, Snooze, Worker, fixed
from tests.worker.orders import ATTEMPTS, HANDLED, ORDERS, PARKED, Order, dying, until
from tests.worker.running import Connection, eventually, one, running, soon


async def test_a_letter_on_which_the_handler_always_fails_is_parked(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """L3: its own budget on the dead row; one ERROR; not moved, not dead again, not deleted."""
    seen: list[tuple[int, int]] = []
    dying(processors)

    @processors.process(ORDERS.dead, attempts=3, backoff=fixed("10ms"))
    async def fail(job: Job[Order]) -> None:
        seen.append((job.attempt, job.max_attempts))
        raise LookupError("no such order")

    pg.push(ORDERS, Order(1), on=conn, attempts=9, timeout="1h")
    with caplog.at_level(logging.INFO, "pgqueue.queue"):
        async with running(Worker(pg, include=[processors])):
            await until(conn, PARKED)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert one(conn, ATTEMPTS) == (1, 3)
    kept = "select jsonb_array_length(dead_failures), dead_failures -> 2 ->> 'error'"
    assert one(conn, f"{kept} from pgqueue.dead_jobs") == (3, "LookupError: no such order")
    parked = [one for one in caplog.records if "is parked" in one.getMessage()]
    assert [one.levelname for one in parked] == ["ERROR"]
    assert "LookupError: no such order" in parked[0].getMessage()
    fields = [
        (record.__dict__["queue"], record.__dict__["outcome"])
        for record in caplog.records
        if record.levelno == logging.INFO
    ]
    dead = "orders.dead"
    assert fields == [("orders", "aborted"), *[(dead, "retry")] * 2, (dead, "parked")]


async def test_verdicts_are_those_of_any_processor(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L3: Snooze waits uncounted, Abort parks at once."""
    seen: list[int] = []
    dying(processors)

    @processors.process(ORDERS.dead, attempts=5)
    async def decide(job: Job[Order]) -> None:
        seen.append(job.attempt)
        raise Snooze("10ms") if len(seen) == 1 else Abort("hopeless")

    pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await until(conn, PARKED)
    assert seen == [1, 1]


async def test_no_letter_is_snoozed_for_ever(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L3: after a thousand in a row a snooze is a failure, as it is of a job."""
    seen: list[int] = []
    dying(processors)

    @processors.process(ORDERS.dead, attempts=1)
    async def snooze(job: Job[Order]) -> None:
        seen.append(job.attempt)
        conn.execute(
            "update pgqueue.dead_jobs"
            " set dead_failures = jsonb_set(dead_failures, '{-1,snoozes}', '998')"
            " where dead_failures -> -1 -> 'snoozes' = '1'"
        )
        raise Snooze("10ms")

    pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await until(conn, PARKED)
    assert seen == [1, 1, 1, 1]
    assert one(conn, "select dead_failures -> 0 -> 'snoozes' from pgqueue.dead_jobs") == 1000


async def test_a_letter_of_a_lost_worker_is_given_again_and_parked_after_its_last_attempt(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L3, A26: each lapsed lease counts, so a poison letter cannot kill workers for ever."""
    seen: list[int] = []
    dying(processors)

    @processors.process(ORDERS.dead, attempts=2)
    async def lapse(job: Job[Order]) -> None:
        seen.append(job.attempt)
        conn.execute("update pgqueue.dead_jobs set visible_at = now() - interval '1 s'")
        await asyncio.Event().wait()

    pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await until(conn, PARKED)
    assert seen == [1, 2]
    assert one(conn, ATTEMPTS) == (1, 2)
    lost = "select dead_failures -> 1 -> 'lost', dead_failures -> 1 -> 'attempt'"
    assert one(conn, f"{lost} from pgqueue.dead_jobs") == (True, 2)


async def test_a_stopping_worker_gives_a_letter_back_uncounted(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L3: shutdown is no failure of the processor."""
    started = asyncio.Event()
    dying(processors)

    @processors.process(ORDERS.dead)
    async def hang(order: Order) -> None:
        started.set()
        await asyncio.Event().wait()

    pg.push(ORDERS, Order(1), on=conn)
    worker = Worker(pg, include=[processors])
    async with running(worker):
        await soon(started.wait())
        worker.stop()
        worker.stop()
    assert one(conn, "select lease, dead_attempt, handled_at from pgqueue.dead_jobs") == (
        None,
        0,
        None,
    )


async def test_a_transaction_of_the_handler_marks_the_letter_as_handled(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L2, B35: what it writes commits with the mark, or not at all; no answer is lost in it."""
    conn.execute("create table notes (number int)")
    dying(processors)
    tries: list[int] = []

    @processors.process(ORDERS.dead, transactional=True, attempts=3, backoff=fixed(0))
    async def note(job: Job[Order]) -> Discard | None:
        tries.append(job.attempt)
        async with job.connection() as own:
            await own.execute("insert into notes values (%s)", [job.attempt])
        if job.attempt == 1:
            raise ValueError("later")
        return Discard() if job.attempt == 2 else None

    pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await until(conn, HANDLED)
    assert tries == [1, 2, 3]
    assert conn.execute("select number from notes").fetchall() == [(3,)]
    errors = "select dead_failures -> 1 ->> 'error' from pgqueue.dead_jobs"
    assert "a transactional handler returned Discard" in one(conn, errors)


async def test_a_letter_that_cannot_be_decoded_is_parked_unless_any_payload_will_do(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L8, F4: parked at once, unhandled; a Job[Any] gets the payload as it came."""
    came: asyncio.Queue[Any] = asyncio.Queue()
    dying(processors)

    @processors.process(ORDERS.dead, name="typed")
    async def typed(order: Order) -> None:
        raise AssertionError("it cannot be an order")

    @processors.process(ORDERS.dead, name="raw")
    async def raw(job: Job[Any]) -> None:
        assert job.dead is not None
        await came.put((job.payload, job.dead.reason))

    pg.push("orders", {"number": "seven"}, on=conn, name="typed")
    pg.push("orders", {"number": "seven"}, on=conn, name="raw")
    states = (
        "select name, reason, dead_attempt, handled_at is null, parked_at is null "
        "from pgqueue.dead_jobs order by id"
    )
    wanted = [("typed", "rejected", 0, True, False), ("raw", "rejected", 1, False, True)]
    async with running(Worker(pg, include=[processors])):
        assert await soon(came.get()) == ({"number": "seven"}, "rejected")
        await eventually(lambda: conn.execute(states.encode()).fetchall(), wanted)


async def test_a_bad_envelope_never_loops(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """L8, M57: of a version that nobody reads, it is dead, and then parked, each at once."""
    dying(processors)

    @processors.process(ORDERS.dead)
    async def mourn(job: Job[Any]) -> None:
        raise AssertionError("nobody can open it")

    conn.execute(
        """insert into pgqueue.jobs (queue, envelope) values ('orders', '{"v": 2, "payload": 1}')"""
    )
    async with running(Worker(pg, include=[processors])):
        await until(conn, ("rejected", False, True))
    assert one(conn, ATTEMPTS) == (0, 0)


async def test_one_letter_that_cannot_be_read_does_not_take_its_batch_along(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """M55, M59: failures that somebody has spoiled, or that are huge, cost nobody else anything."""
    seen: list[tuple[int, ...]] = []

    @processors.process(ORDERS.dead, attempts=1)
    async def mourn(job: Job[Order]) -> None:
        assert job.dead is not None
        seen.append((job.payload.number, len(job.dead.failures)))
        if job.payload.number == 4:
            raise ValueError("é" * 10**6)

    spoiled = ["[1]", '[{"error": null}]', f"[{'[' * 3000}{']' * 3000}]", "[]", "[]", "[]"]
    with conn.transaction():
        for number, failures in enumerate(spoiled):
            envelope = Jsonb({"v": 1, "payload": {"number": number}})
            conn.execute(
                """insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at)
                values (%s, 'orders', 'lost', %s, %s::jsonb, now())""",
                (number, envelope, failures),
            )
    done = "select count(*) from pgqueue.dead_jobs where handled_at is not null"
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: one(conn, done), 5)
        await eventually(lambda: len(seen), 6)
    assert sorted(seen) == [(0, 1), (1, 1), (2, 1), (3, 0), (4, 0), (5, 0)]
    size = "select octet_length(dead_failures::text) from pgqueue.dead_jobs where id = 4"
    await eventually(lambda: 16_000 < (one(conn, size) or 0) < 120_000, True)
