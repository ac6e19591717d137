"""A worker of ours that stops when nothing is left, and tells when its first and last job ran."""

from __future__ import annotations

import json
import sys
from time import monotonic

import uvloop

from pgqueue import Postgres, Processors, Worker
from pgqueue.worker.until import Until


async def drain(dsn: str) -> dict[str, float]:
    """Drain the queue; times are those of the machine's monotonic clock."""
    times: list[float] = []
    processors = Processors()

    @processors.process("bench")
    async def nothing(payload: object) -> None:
        times.append(monotonic())

    await Worker(Postgres(dsn), include=[processors], concurrency=100).run(Until(empty=True))
    return {"jobs": len(times), "first": min(times, default=0.0), "last": max(times, default=0.0)}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(drain(sys.argv[1]))))
