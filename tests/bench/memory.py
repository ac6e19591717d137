"""S11: the memory of a worker at its start, and after many jobs.

`python -m tests.bench.memory DSN JOBS STEP` is the worker; it pushes its jobs itself.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psycopg
import uvloop

from pgqueue import Postgres, Processors, Worker
from pgqueue.worker.until import Until
from tests.bench.adapters.driving import PAYLOAD
from tests.bench.figure import Figure
from tests.bench.scene import Scene, script

MIB, PAGE = 1024 * 1024, os.sysconf("SC_PAGE_SIZE")


def s11(scene: Scene) -> None:
    """Look at the resident memory after each part of the jobs; the first part warms up."""
    jobs, step = scene.pick(50_000, 1_000_000), scene.pick(10_000, 100_000)
    with scene.database() as dsn:
        found = script(__name__, dsn, jobs, step, at_most=3600)
    start, after = found["start"], found["after"]
    slope = (after[-1] - after[0]) / (len(after) - 1) * (100_000 / step)
    details = {"after": after, "step": step}
    what = f"resident after {jobs:,} jobs"
    scene.show(Figure(id="S11", what="resident at the start", values=[start], unit="MiB", most=60))
    scene.show(Figure(id="S11", what=what, values=[after[-1]], unit="MiB", details=details))
    what = "growth after warm-up"
    scene.show(Figure(id="S11", what=what, values=[slope], unit="MiB/100k jobs", most=1.0))


async def work(dsn: str, jobs: int, step: int) -> dict[str, object]:
    """Drain step by step in one process, pushing from another connection in small batches."""
    start, after = 0.0, []
    for _ in range(0, jobs, step):
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            pg = Postgres(dsn)
            for _ in range(0, step, 1_000):
                await pg.push_many("bench", [PAYLOAD] * 1_000, on=conn)
        processors = Processors()

        @processors.process("bench")
        async def nothing(payload: object) -> None: ...

        start = start or resident()
        await Worker(pg, include=[processors], concurrency=100).run(Until(empty=True))
        after.append(round(resident(), 2))
    return {"start": round(start, 2), "after": after}


def resident() -> float:
    """Return the MiB of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / MIB


if __name__ == "__main__":
    print(json.dumps(uvloop.run(work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
