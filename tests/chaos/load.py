"""Pushes beside a test's faults, and remembers whose commit was confirmed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic, sleep

import psycopg

from pgqueue import Postgres, Queue, Unavailable
from tests.chaos.ledger import PATIENCE, Ledger
from tests.worker.running import census

# So long that no lease lapses in a test: whatever runs twice then has no excuse.
LONG = {"PGQUEUE_LEASE": "120s", "PGQUEUE_HEARTBEAT": "1s"}

# In one statement: between two a retried job would be in neither.
LEFT = """
select (select count(*) from pgqueue.jobs), (select count(*) from pgqueue.scheduled_jobs)"""

_BATCH = 10
_ROOM = 100
_MOMENT = 0.02


class Load:
    """Keeps a queue from being empty or long."""

    def __init__(self, dsn: str, queue: Queue[int]) -> None:
        self._dsn = dsn
        self._queue = queue
        self._enough = threading.Event()
        self.committed: list[int] = []

    def push(self) -> None:
        """Push until it is enough, also after the server was away."""
        pg = Postgres(self._dsn)
        while not self._enough.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as conn:
                    while not self._enough.is_set():
                        if sum(census(conn).values()) < _ROOM:
                            batch = list(range(_BATCH))
                            self.committed += pg.push_many(self._queue, batch, on=conn)
                        else:
                            sleep(_MOMENT)
            except (psycopg.Error, Unavailable):
                sleep(_MOMENT)

    def stop(self) -> None:
        """Let `push` return."""
        self._enough.set()

    async def more(self, ledger: Ledger, by: int) -> None:
        """Wait until so many more jobs have ended."""
        goal = len(ledger.entries("end")) + by
        await ledger.until("end", goal)


@asynccontextmanager
async def load(dsn: str, queue: Queue[int]) -> AsyncIterator[Load]:
    """Push beside the block; what was committed is known after it."""
    pushing = Load(dsn, queue)
    task = asyncio.create_task(asyncio.to_thread(pushing.push))
    try:
        yield pushing
    finally:
        pushing.stop()
        await task


async def settled(dsn: str) -> None:
    """Wait until no job is left."""
    deadline = monotonic() + PATIENCE
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        while True:
            left = await (await conn.execute(LEFT)).fetchone()
            if left == (0, 0):
                return
            assert monotonic() < deadline, f"still there after {PATIENCE} s: {left}"
            await asyncio.sleep(_MOMENT)


def ran_once(ledger: Ledger, committed: list[int]) -> None:
    """Check that every committed job has run, and none twice.

    One whose commit got no reply may have been committed too, and then has run.
    """
    runs = ledger.runs()
    assert set(committed) <= set(runs), "lost"
    assert {job: count for job, count in runs.items() if count > 1} == {}
