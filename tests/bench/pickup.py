"""S6: from the commit of a push to the start of its handler, in a worker that was idle.

The clock runs from just before COMMIT is sent, and on both sides it is the machine's. Against it:
from the sending of a bare NOTIFY to its receipt, in another process too. Neither waits for a disk.
`python -m tests.bench.pickup DSN worker|listener JOBS` is the side that receives.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import quantiles
from time import monotonic, sleep
from typing import Any, NamedTuple

import psycopg
import uvloop

from pgqueue import Postgres, Processors, Worker
from tests.bench.adapters.driving import Handled
from tests.bench.figure import Figure, ratios
from tests.bench.scene import ROOT, Scene

KINDS = ("worker", "listener")
# Long enough that the receiver sleeps again.
WARM, PAUSE = 20, 0.02


class Waits(NamedTuple):
    """Milliseconds from the commit and from the call of a push; of a bare NOTIFY these are one."""

    committing: Sequence[float]
    calling: Sequence[float]


def s6(scene: Scene) -> None:
    """Compare with a bare LISTEN and NOTIFY between two processes, one for one."""
    rounds = [_round(scene, scene.pick(100, 1_000)) for _ in range(scene.rounds)]
    p50 = {kind: [_percentile(one[kind].committing, 50) for one in rounds] for kind in KINDS}
    for kind in KINDS:
        every = [round(ms, 3) for one in rounds for ms in one[kind].committing]
        details = {"variant": kind, "samples": every}
        what = "from commit to start" if kind == "worker" else "from a bare NOTIFY to its receipt"
        scene.show(
            Figure(id="S6", what=f"{what}, p50", values=p50[kind], unit="ms", details=details)
        )
    scene.show(ratios("S6", p50["worker"], p50["listener"], "a bare NOTIFY, p50", most=2.0))
    p99 = [_percentile(one["worker"].committing, 99) for one in rounds]
    scene.show(Figure(id="S6", what="commit to start, p99", values=p99, unit="ms", most=20.0))
    called = [_percentile(one["worker"].calling, 50) for one in rounds]
    scene.show(Figure(id="S6", what="call of push to start, p50", values=called, unit="ms"))


def _round(scene: Scene, jobs: int) -> dict[str, Waits]:
    """Send to receivers that wait, to each in turn; both do so all the time."""
    with ExitStack() as opened:
        receivers = [opened.enter_context(_receiving(scene, kind, jobs + WARM)) for kind in KINDS]
        sent = []
        for _ in range(jobs + WARM):
            for one in receivers:
                sleep(PAUSE)
                sent.append(one.send())
        return {
            kind: _waits(sent[n :: len(KINDS)], receivers[n].came()) for n, kind in enumerate(KINDS)
        }


class Receiver(NamedTuple):
    """A process that waits, how something is sent to it, and when that came."""

    send: Callable[[], tuple[float, float]]
    came: Callable[[], Sequence[float]]


@contextmanager
def _receiving(scene: Scene, kind: str, jobs: int) -> Iterator[Receiver]:
    command = [sys.executable, "-m", __name__]
    with (
        scene.database() as dsn,
        psycopg.connect(dsn, autocommit=True) as conn,
        subprocess.Popen(
            [*command, dsn, kind, str(jobs)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdout is not None
        said = process.stdout
        assert said.readline() == "ready\n"
        send = partial(_push, Postgres(dsn), conn) if kind == "worker" else partial(_notify, conn)
        yield Receiver(send, lambda: json.loads(said.readline()))


def _waits(sent: Sequence[tuple[float, float]], came: Sequence[float]) -> Waits:
    moments = list(zip(sent, came, strict=True))[WARM:]
    return Waits(
        [1000 * (start - committing) for (_, committing), start in moments],
        [1000 * (start - called) for (called, _), start in moments],
    )


def _percentile(waits: Sequence[float], percent: int) -> float:
    return quantiles(waits, n=100, method="inclusive")[percent - 1]


def _push(pg: Postgres, conn: psycopg.Connection[Any]) -> tuple[float, float]:
    """Push, and return when that was called, and when the commit was sent."""
    called = monotonic()
    conn.execute("begin")
    pg.push("bench", None, on=conn)
    committing = monotonic()
    conn.execute("commit")
    return called, committing


def _notify(conn: psycopg.Connection[Any]) -> tuple[float, float]:
    called = monotonic()
    conn.execute("notify bare")
    return called, called


async def worker(dsn: str, jobs: int) -> list[float]:
    """Run a worker until so many jobs have come; return when."""
    came: list[float] = []
    handled = Handled(jobs)
    processors = Processors()

    @processors.process("bench")
    async def receive(payload: None) -> None:
        came.append(monotonic())
        handled.one()

    working = Worker(Postgres(dsn), include=[processors])
    running = asyncio.create_task(working.run())
    while not working.health().ready:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await handled.all.wait()
    working.stop()
    await running
    return came


async def listener(dsn: str, jobs: int) -> list[float]:
    """Listen until so many notifications have come; return when."""
    came: list[float] = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("listen bare")
        print("ready", flush=True)
        async for _ in conn.notifies(stop_after=jobs):
            came.append(monotonic())
    return came


if __name__ == "__main__":
    receive = {"worker": worker, "listener": listener}[sys.argv[2]]
    print(json.dumps(uvloop.run(receive(sys.argv[1], int(sys.argv[3])))), flush=True)
