"""What a test runs as a process: `python -m tests.worker.process worker|apart|producer`."""

from __future__ import annotations

import asyncio
import signal
import sys

import psycopg

from pgqueue import Postgres, Processors, Worker
from tests.worker import apart, feature
from tests.worker.feature import LEDGER, Entry


async def work(concurrency: int, processors: Processors) -> None:
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
        asyncio.run(work(int(sys.argv[2]), feature.processors))
    elif sys.argv[1] == "apart":
        asyncio.run(work(2, apart.processors))
    else:
        produce(*sys.argv[2:])
