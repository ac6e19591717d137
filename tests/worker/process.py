"""What a test runs as a process of its own: `python -m tests.worker.process worker|producer`."""

from __future__ import annotations

import asyncio
import signal
import sys

import psycopg

from pgqueue import Postgres, Worker
from tests.worker.feature import LEDGER, Entry, processors


async def work(concurrency: int) -> None:
    """Run a worker until SIGTERM."""
    worker = Worker(Postgres(), include=[processors], concurrency=concurrency)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()


def produce(*texts: str) -> None:
    """Push a job for each text in one transaction, and be gone."""
    pg = Postgres()
    with psycopg.connect(pg.config.conninfo()) as conn:
        for text in texts:
            pg.push(LEDGER, Entry(text), on=conn)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        asyncio.run(work(int(sys.argv[2])))
    else:
        produce(*sys.argv[2:])
