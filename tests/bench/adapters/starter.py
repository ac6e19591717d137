"""A worker of ours that tells when each job was due, and how long it took to start.

`python -m tests.bench.adapters.starter DSN JOBS` stops after so many jobs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from time import monotonic
from typing import Any

import uvloop

from pgqueue import Postgres, Processors, Worker
from tests.bench.adapters.driving import Handled


async def start(dsn: str, jobs: int) -> list[tuple[float, float]]:
    """Run so many jobs; both processes read the same monotonic clock."""
    started: list[tuple[float, float]] = []
    handled = Handled(jobs)
    processors = Processors()

    @processors.process("bench")
    async def note(payload: dict[str, Any]) -> None:
        due = payload["due"]
        started.append((due, monotonic() - due))
        handled.one()

    worker = Worker(Postgres(dsn), include=[processors], concurrency=100)
    running = asyncio.create_task(worker.run())
    while not worker.health().ready:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await handled.all.wait()
    worker.stop()
    await running
    return started


if __name__ == "__main__":
    gc.freeze()  # as `pgqueue work` does
    print(json.dumps(uvloop.run(start(sys.argv[1], int(sys.argv[2])))), flush=True)
