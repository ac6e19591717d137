"""A worker of ours that drains a queue, and tells when its first and last job ran.

`python -m tests.bench.adapters.drainer DSN [waits]` stops when nothing is left; one that waits says
that it is ready for jobs to come, and stops when it is told so by a line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from time import monotonic, process_time

import uvloop

from pgqueue import Postgres, Processors, Worker
from pgqueue.worker.until import Until


async def drain(dsn: str, *, waits: bool) -> dict[str, float]:
    """Drain the queue; times are those of the machine's monotonic clock, and `cpu` our own."""
    times: list[float] = []
    processors = Processors()

    @processors.process("bench")
    async def nothing(payload: object) -> None:
        times.append(monotonic())

    worker = Worker(Postgres(dsn), include=[processors], concurrency=100)
    running = asyncio.create_task(worker.run(None if waits else Until(empty=True)))
    if waits:
        while not worker.health().ready:
            await asyncio.sleep(0.01)
        print("ready", flush=True)
    started = process_time()
    if waits:
        await asyncio.to_thread(sys.stdin.readline)
        worker.stop()
    await running
    return {
        "jobs": len(times),
        "first": min(times, default=0.0),
        "last": max(times, default=0.0),
        "cpu": process_time() - started,
    }


if __name__ == "__main__":
    gc.freeze()  # as `pgqueue work` does
    print(json.dumps(uvloop.run(drain(sys.argv[1], waits="waits" in sys.argv))))
