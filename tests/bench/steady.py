"""S3: producers and a worker together, until the time is up.

`python -m tests.bench.steady DSN SECONDS RATE` is the worker; RATE 0 pushes as fast as it goes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from statistics import quantiles
from time import monotonic

import psycopg
import uvloop

from pgqueue import Postgres, Processors, Worker
from pgqueue.worker.until import Until
from tests.bench.drain import ours
from tests.bench.figure import Figure, ratios
from tests.bench.scene import Scene, script

BATCH, TICK = 100, 0.05
# Not saturated: what a worker that is asked for a quarter of what it can do needs.
SHARE = 0.25


def s3(scene: Scene) -> None:
    """Saturate a worker, then ask it for a part of that, and look at the way to the handler."""
    seconds = scene.pick(3, 60)
    rounds: dict[str, list[float]] = {"steady": [], "drain": [], "p99": []}
    for _ in range(scene.rounds):
        rounds["drain"].append(ours(scene, scene.pick(10_000, 50_000), 100))
        rounds["steady"].append(_run(scene, seconds, 0)["rate"])
        calm = int(SHARE * rounds["steady"][-1])
        rounds["p99"].append(_run(scene, seconds, calm)["p99"])
    scene.show(Figure(id="S3", what="steady state", values=rounds["steady"], unit="jobs/s"))
    scene.show(ratios("S3", rounds["steady"], rounds["drain"], "drain", least=0.6))
    what = "push to start, p99, at a quarter of that"
    scene.show(Figure(id="S3", what=what, values=rounds["p99"], unit="ms", most=100.0))


def _run(scene: Scene, seconds: float, rate: int) -> dict[str, float]:
    with scene.database() as dsn:
        found: dict[str, float] = script(__name__, dsn, seconds, rate)
        return found


async def produce(pg: Postgres, dsn: str, rate: int) -> None:
    """Push batches, as many as asked for, or twice what a worker holds ahead of it."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        size = BATCH if rate == 0 else max(1, round(rate * TICK))
        due = monotonic()
        while True:
            await pg.push_many("bench", [monotonic()] * size, on=conn)
            due += TICK
            await asyncio.sleep(0 if rate == 0 else max(0.0, due - monotonic()))


async def work(dsn: str, seconds: float, rate: int) -> dict[str, float]:
    """Produce and work in one process; return jobs a second, and how long they waited."""
    pg, waits = Postgres(dsn), list[float]()
    processors = Processors()

    @processors.process("bench")
    async def receive(sent: float) -> None:
        waits.append(monotonic() - sent)

    worker = Worker(pg, include=[processors], concurrency=100)
    producing = asyncio.create_task(produce(pg, dsn, rate))
    await worker.run(Until(time=timedelta(seconds=seconds)))
    producing.cancel()
    p99 = quantiles(waits, n=100, method="inclusive")[98]
    return {"rate": len(waits) / seconds, "p99": 1000 * p99}


if __name__ == "__main__":
    asked = (sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(uvloop.run(work(*asked))))
