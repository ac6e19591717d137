"""Whoever has a connection pushes with the same call, and whoever has none as well."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from pgqueue import Job, Postgres, Processors, Worker, current_job
from tests.worker.running import Connection, drained, running, soon


async def test_every_place_pushes_with_the_same_call(
    pg: Postgres, processors: Processors, conn: Connection, dsn: str
) -> None:
    """A15: blocking code, async code, a tick, a running async job and a running plain job."""
    arrived: asyncio.Queue[str] = asyncio.Queue()

    @processors.process("arrivals")
    async def arrive(place: str) -> None:
        arrived.put_nowait(place)

    @processors.process("async-jobs")
    async def push_on(payload: None) -> None:
        async with current_job().connection() as own:
            await pg.push("arrivals", "async job", on=own)

    @processors.process("plain-jobs")
    def push_blocking(job: Job[Any]) -> None:
        with job.connection() as own:
            pg.push("arrivals", "plain job", on=own)

    async def tick() -> None:
        await pg.push("arrivals", "tick")

    async with pg, running(Worker(pg, include=[processors])):
        pg.push("arrivals", "blocking code", on=conn)
        async with await psycopg.AsyncConnection.connect(dsn) as own:
            await pg.push("arrivals", "async code", on=own)
        asyncio.get_running_loop().call_soon(asyncio.ensure_future, tick())
        await pg.push("async-jobs", None)
        await pg.push("plain-jobs", None)
        places = {await soon(arrived.get()) for _ in range(5)}
        await drained(conn)
    assert places == {"blocking code", "async code", "tick", "async job", "plain job"}


async def test_a_slow_queue_leaves_another_workers_queue_alone(
    pg: Postgres, conn: Connection
) -> None:
    """C15: with the emails' only worker stuck, payments run as ever."""
    emails, payments = Processors(), Processors()
    stuck, go = asyncio.Event(), asyncio.Event()
    paid: asyncio.Queue[int] = asyncio.Queue()

    @emails.process("emails")
    async def send(payload: int) -> None:
        stuck.set()
        await go.wait()

    @payments.process("payments")
    async def pay(payload: int) -> None:
        paid.put_nowait(payload)

    slow = Worker(pg, include=[emails], concurrency=1)
    async with running(slow), running(Worker(pg, include=[payments], concurrency=1)):
        pg.push_many("emails", range(100), on=conn)
        await soon(stuck.wait())
        pg.push_many("payments", range(5), on=conn)
        assert [await soon(paid.get()) for _ in range(5)] == [0, 1, 2, 3, 4]
        conn.execute("delete from pgqueue.jobs where queue = 'emails' and lease is null")
        go.set()
        await drained(conn)
