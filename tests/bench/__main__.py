"""A first look at the speed, on an embedded server: `make bench`, or `python -m tests.bench`.

Only the ratios count; the variants of a round run one after the other on the same server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
from pgqueue_migrations import upgrade

import pgqueue
from pgqueue import Postgres, Processors, Worker
from pgqueue.devserver import DevServer
from pgqueue.worker.until import Until

ROUNDS, PUSHES, JOBS = 5, 1000, 10_000
PAYLOAD = {"file": "x" * 180}
PLAIN = "insert into plain (queue, envelope) values ('bench', %s::jsonb) returning id"
LIKE = (
    "create table plain (like pgqueue.jobs including defaults including identity including indexes)"
)


def rate(act: Callable[[], Any], times: int) -> float:
    """Return how often something is done in a second."""
    started = perf_counter()
    for _ in range(times):
        act()
    return times / (perf_counter() - started)


async def drain(pg: Postgres, conn: psycopg.Connection[Any]) -> float:
    """Return how many jobs without work one worker completes in a second."""
    processors = Processors()

    @processors.process("drain")
    async def nothing(payload: int) -> None: ...

    pg.push_many("drain", range(JOBS), on=conn)
    started = perf_counter()
    await Worker(pg, include=[processors], concurrency=100).run(Until(empty=True))
    return JOBS / (perf_counter() - started)


def main() -> None:
    """Measure, and print a line for each figure."""
    with DevServer.throwaway(durable=True) as server:
        upgrade(server.dsn)
        pg = Postgres(server.dsn)
        with psycopg.connect(server.dsn, autocommit=True) as conn:
            conn.execute(LIKE)
            envelope = json.dumps({"v": pgqueue.WIRE_FORMAT_VERSION, "payload": PAYLOAD})
            rounds = [
                (
                    rate(lambda: conn.execute(PLAIN, (envelope,)), PUSHES),
                    rate(lambda: pg.push("bench", PAYLOAD, on=conn), PUSHES),
                    asyncio.run(drain(pg, conn)),
                )
                for _ in range(ROUNDS)
            ]
        ratio = median(push / plain for plain, push, _ in rounds)
        print(f"push one, of a bare INSERT into a table without checks: {ratio:.2f}")
        print(f"drain, jobs a second, one worker: {median(one[2] for one in rounds):,.0f}")
        print(f"PostgreSQL {server.version}, fsync on, {ROUNDS} rounds, medians")


if __name__ == "__main__":
    main()
