"""When dead letters are looked for: in their turn, at once when a bell rings, or never."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import psycopg
import pytest

from pgqueue import Abort, Job, Postgres, Processors, Queue, Worker
from tests.worker.conftest import QUICK
from tests.worker.orders import HANDLED, ORDERS, Order, dying, until
from tests.worker.running import SLEEPING, Connection, drained, eventually, one, running, soon
from tests.worker.test_wakeup import QUIET


async def test_without_a_processor_nothing_reads_the_dead(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    aconn: psycopg.AsyncConnection[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """L4: a worker of their queue goes on while their table is locked; they wait for somebody."""
    ran: asyncio.Queue[str] = asyncio.Queue()
    dying(processors)

    @processors.process("other")
    async def run(payload: str) -> None:
        await ran.put(payload)

    pg.push(ORDERS, Order(1), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: one(conn, "select count(*) from pgqueue.dead_jobs"), 1)
        async with aconn.transaction():
            await aconn.execute("lock table pgqueue.dead_jobs")
            for payload in "abc":
                pg.push("other", payload, on=conn)
                assert await soon(ran.get()) == payload
    # The sweep may have had to wait, for it buries; whoever claims had not.
    assert "Fetcher lost the database" not in caplog.text
    assert one(conn, "select dead_attempt, handled_at from pgqueue.dead_jobs") == (0, None)


@pytest.mark.usefixtures("listening")
async def test_a_death_wakes_the_workers_of_dead_letters(dsn: str, conn: Connection) -> None:
    """L7: like a push; they sleep, and poll every minute."""
    living, mourning = Processors(), Processors()
    came: asyncio.Queue[Order] = asyncio.Queue()
    dying(living)

    @mourning.process(ORDERS.dead)
    async def mourn(order: Order) -> None:
        await came.put(order)

    slow = Postgres(dsn, **(QUICK | {"poll_interval": "60s"}))
    async with running(Worker(slow, include=[mourning])), running(Worker(slow, include=[living])):
        await eventually(lambda: one(conn, SLEEPING), 2)
        await eventually(lambda: one(conn, QUIET), True)
        slow.push(ORDERS, Order(1), on=conn)
        assert await soon(came.get()) == Order(1)


@pytest.mark.usefixtures("listening")
async def test_an_expiry_wakes_the_workers_of_dead_letters(dsn: str, conn: Connection) -> None:
    """L7, K08: also one that a worker of other queues finds."""
    mourning, others = Processors(), Processors()
    came: asyncio.Queue[str] = asyncio.Queue()

    @mourning.process(ORDERS.dead)
    async def mourn(job: Job[Order]) -> None:
        assert job.dead is not None
        await came.put(job.dead.reason)

    @others.process("other")
    async def run(payload: str) -> None: ...

    slow = Postgres(dsn, **(QUICK | {"poll_interval": "60s"}))
    async with running(Worker(slow, include=[mourning])):
        await eventually(lambda: one(conn, SLEEPING), 1)
        await eventually(lambda: one(conn, QUIET), True)
        slow.push(ORDERS, Order(1), on=conn, expires_in="1ms", notify=False)
        async with running(Worker(slow, include=[others])):
            assert await soon(came.get()) == "expired"


@pytest.mark.parametrize(
    ("listed", "order"),
    [
        (["orders", "orders.dead"], ["live", "live", "dead", "dead"]),
        (["orders.failed", "orders"], ["dead", "dead", "live", "live"]),
    ],
)
async def test_a_list_of_queues_says_when_the_dead_come(
    pg: Postgres, processors: Processors, conn: Connection, listed: list[str], order: list[str]
) -> None:
    """L6, C11: strictly in the order of the list, under the one name or the other."""
    seen: list[str] = []
    orders = Queue("orders", Order, dead_letter="orders.failed")

    @processors.process(orders)
    async def fill(order: Order) -> None:
        seen.append("live")

    @processors.process(orders.dead)
    async def mourn(order: Order) -> None:
        seen.append("dead")

    pg.push_many(ORDERS, [Order(n) for n in range(4)], on=conn)
    conn.execute("""
        with gone as (delete from pgqueue.jobs where id <= 2 returning id, envelope, pushed_at)
        insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at)
        select id, 'orders', 'lost', envelope, '[]', pushed_at from gone""")
    async with running(Worker(pg, include=[processors], queues=listed, concurrency=1)):
        await eventually(lambda: len(seen), 4)
    assert seen == order


async def test_neither_the_living_nor_the_dead_starve(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C16: without a list they take turns, each with slots of its own."""
    seen: list[str] = []

    @processors.process(ORDERS)
    async def fill(order: Order) -> None:
        seen.append("live")
        if len(seen) < 200:
            pg.push(ORDERS, order, on=conn)

    @processors.process(ORDERS.dead)
    async def mourn(order: Order) -> None:
        seen.append("dead")

    pg.push(ORDERS, Order(1), on=conn)
    conn.execute("""
        insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at)
        select -n, 'orders', 'lost', '{"v": 1, "payload": {"number": 1}}', '[]', now()
        from generate_series(1, 20) n""")
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await eventually(lambda: seen.count("dead"), 20)
    assert seen.count("live") < 200


async def test_the_logs_have_the_name_that_people_gave_the_address(
    pg: Postgres, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """D09, A21, C17: at the start, and in the line of each attempt."""
    processors = Processors()
    orders = Queue("orders", Order, dead_letter="orders.failed")
    came: asyncio.Queue[str] = asyncio.Queue()

    @processors.process(orders)
    async def refuse(order: Order) -> None:
        raise Abort("no")

    @processors.process(orders.dead)
    async def mourn(job: Job[Order]) -> None:
        await came.put(job.queue)

    pg.push(orders, Order(1), on=conn)
    with caplog.at_level(logging.INFO, "pgqueue"):
        async with running(Worker(pg, include=[processors])):
            assert await soon(came.get()) == "orders.failed"
            await until(conn, HANDLED)
    assert "mourn: queue orders.failed, name (any)" in caplog.text
    assert "(orders.failed) attempt 1: handled" in caplog.text
    assert "orders.dead" not in caplog.text


@pytest.mark.parametrize("retries", [0, 1])
async def test_one_failing_job_holds_up_no_other(
    pg: Postgres, processors: Processors, conn: Connection, retries: int
) -> None:
    """D15, D16, C24: with no retries it is dead at its first failure, and the worker goes on."""
    done: list[int] = []

    @processors.process(ORDERS, retries=retries)
    async def fill(order: Order) -> None:
        if order.number == 0:
            raise ValueError("the first one cannot be filled")
        done.append(order.number)

    pg.push_many(ORDERS, [Order(n) for n in range(20)], on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert done == list(range(1, 20))
    dead = one(conn, "select reason, attempt, jsonb_array_length(failures) from pgqueue.dead_jobs")
    assert dead == ("exhausted", retries + 1, retries + 1)
