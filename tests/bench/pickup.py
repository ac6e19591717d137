"""S6: from the call of a push to the start of its handler, in a worker that was idle.

`python -m tests.bench.pickup DSN worker|listener JOBS` is the side that receives.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from statistics import quantiles
from time import monotonic, sleep
from typing import Any

import psycopg

from pgqueue import Postgres, Processors, Worker
from tests.bench.adapters.driving import Handled
from tests.bench.figure import Figure, ratios
from tests.bench.scene import ROOT, Scene

WARM, PAUSE = 20, 0.02
Send = Callable[[float], Any]


def s6(scene: Scene) -> None:
    """Compare with a bare LISTEN and NOTIFY between two processes."""
    kinds = ("worker", "listener")
    found: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for _ in range(scene.rounds):
        for kind in kinds:
            found[kind].append(_waits(scene, kind, scene.pick(100, 1_000)))
    p50 = {kind: [_percentile(one, 50) for one in found[kind]] for kind in kinds}
    p99 = [_percentile(one, 99) for one in found["worker"]]
    for kind in kinds:
        every = [round(ms, 3) for one in found[kind] for ms in one]
        details = {"variant": kind, "samples": every}
        what = f"from send to receipt, p50: {kind}"
        scene.show(Figure(id="S6", what=what, values=p50[kind], unit="ms", details=details))
    scene.show(ratios("S6", p50["worker"], p50["listener"], "a bare NOTIFY, p50", most=2.0))
    scene.show(Figure(id="S6", what="push to start, p99", values=p99, unit="ms", most=20.0))


def _percentile(waits: list[float], percent: int) -> float:
    return quantiles(waits, n=100, method="inclusive")[percent - 1]


def _waits(scene: Scene, kind: str, jobs: int) -> list[float]:
    """Send to a receiver that waits, one after the other; return milliseconds."""
    command = [sys.executable, "-m", __name__]
    with (
        scene.database() as dsn,
        psycopg.connect(dsn, autocommit=True) as conn,
        subprocess.Popen(
            [*command, dsn, kind, str(jobs + WARM)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as receiver,
    ):
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == "ready\n"
        pg = Postgres(dsn)
        send: Send = (
            (lambda sent: pg.push("bench", sent, on=conn))
            if kind == "worker"
            else (lambda sent: conn.execute("select pg_notify('bare', %s::text)", [sent]))
        )
        for _ in range(jobs + WARM):
            # Long enough that the receiver sleeps again.
            sleep(PAUSE)
            send(monotonic())
        waits: list[float] = json.loads(receiver.stdout.readline())
    return [1000 * wait for wait in waits[WARM:]]


async def worker(dsn: str, jobs: int) -> list[float]:
    """Run a worker until so many jobs have come; return how long each took to come."""
    waits: list[float] = []
    handled = Handled(jobs)
    processors = Processors()

    @processors.process("bench")
    async def receive(sent: float) -> None:
        waits.append(monotonic() - sent)
        handled.one()

    working = Worker(Postgres(dsn), include=[processors])
    running = asyncio.create_task(working.run())
    while not working.health().ready:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await handled.all.wait()
    working.stop()
    await running
    return waits


async def listener(dsn: str, jobs: int) -> list[float]:
    """Listen until so many notifications have come."""
    waits: list[float] = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("listen bare")
        print("ready", flush=True)
        async for heard in conn.notifies(stop_after=jobs):
            waits.append(monotonic() - float(heard.payload))
            if len(waits) == jobs:
                break
    return waits


if __name__ == "__main__":
    receive = {"worker": worker, "listener": listener}[sys.argv[2]]
    print(json.dumps(asyncio.run(receive(sys.argv[1], int(sys.argv[3])))), flush=True)
