"""How much memory a worker takes for each job that it has run: a leak of one object would show.

PGQUEUE_DSN=… python -m tests.chaos.memory [--jobs 200000] [--trace]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import tracemalloc
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Any

import psycopg

from pgqueue import Postgres, Processors, Worker

FILL = """
insert into pgqueue.jobs (queue, envelope)
select 'nothing', '{"v": 1, "payload": null}' from generate_series(1, %s)"""
_LOOKS = 20


@dataclass(frozen=True)
class Report:
    """Bytes for each job after the first third, as the process and as its objects grow."""

    jobs: int
    process: float
    objects: float | None
    peak_mib: float


async def measured(dsn: str, *, jobs: int, trace: bool) -> Report:
    """Run so many jobs that do nothing, and look at the memory now and then."""
    processors, ran, looks = Processors(), 0, []
    turn = asyncio.Event()

    @processors.process("nothing")
    async def run(payload: Any) -> None:
        nonlocal ran
        ran += 1
        if ran % (jobs // _LOOKS) == 0:
            turn.set()

    worker = Worker(Postgres(dsn, poll_interval="200ms"), include=[processors])
    with psycopg.connect(dsn, autocommit=True) as conn:
        if trace:
            tracemalloc.start()
        running = asyncio.create_task(worker.run())
        for number in range(_LOOKS):
            conn.execute(FILL.encode(), [jobs // _LOOKS])
            await turn.wait()
            turn.clear()
            if number >= _LOOKS // 3:
                looks.append((ran, *_memory()))
        worker.stop()
        await running
    done = [look[0] for look in looks]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Report(ran, _slope(done, [look[1] for look in looks]), _traced(done, looks), peak)


def _traced(done: Sequence[int], looks: Sequence[tuple[int, int, int]]) -> float | None:
    return _slope(done, [look[2] for look in looks]) if tracemalloc.is_tracing() else None


def _memory() -> tuple[int, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize(), tracemalloc.get_traced_memory()[0]


def _slope(done: Sequence[int], used: Sequence[int]) -> float:
    return linear_regression(done, used).slope


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.memory", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    dsn = os.environ["PGQUEUE_DSN"]
    print(json.dumps(asdict(asyncio.run(measured(dsn, jobs=options.jobs, trace=options.trace)))))
