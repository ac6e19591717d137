"""What an older version of the code has left in the tables is served by this one."""

from __future__ import annotations

import asyncio

import pgqueue_migrations
import psycopg

from pgqueue import Job, Postgres, Processors, Queue, Worker
from tests.worker.conftest import QUICK
from tests.worker.running import running, soon

ORDERS = Queue("orders", int)


async def test_the_dead_of_the_first_schema_reach_their_processors(empty_dsn: str) -> None:
    """K15, A24: columns of later revisions have defaults, for old rows and for old code."""
    pgqueue_migrations.upgrade(empty_dsn, "pgq_0001")
    bury = """insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at)
        values (%s, 'orders', 'lost', jsonb_build_object('v', 1, 'payload', %s), '[]', now())"""
    processors = Processors()
    came: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    @processors.process(ORDERS.dead)
    async def mourn(job: Job[int]) -> None:
        assert job.dead is not None
        await came.put((job.payload, job.dead.redrives))

    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute(bury, (1, 10))
        pgqueue_migrations.upgrade(empty_dsn)
        async with running(Worker(Postgres(empty_dsn, **QUICK), include=[processors])):
            assert await soon(came.get()) == (10, 0)
            # As code of the first version goes on to write them.
            conn.execute(bury, (2, 20))
            assert await soon(came.get()) == (20, 0)
