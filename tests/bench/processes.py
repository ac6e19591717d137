"""S9: more worker processes on one queue."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from time import sleep
from typing import NamedTuple

import psycopg

from pgqueue import Postgres
from tests.bench.cost import server_cpu
from tests.bench.figure import Figure, ratios
from tests.bench.scene import PAYLOAD, ROOT, Broken, Scene

NUMBERS = (1, 2, 4)
# A worker that says when it began and ended, and what it did.
COMMAND = [sys.executable, "-m", "tests.bench.adapters.drainer"]
LEFT = "select exists (select from pgqueue.jobs)"


class Drained(NamedTuple):
    """Jobs a second, and the microseconds of CPU that each took in the workers and the server."""

    rate: float
    worker: float
    server: float


def s9(scene: Scene) -> None:
    """Drain with one, two and four processes of concurrency 100 each."""
    jobs = scene.pick(20_000, 100_000)
    found: dict[int, list[Drained]] = {number: [] for number in NUMBERS}
    for _ in range(scene.rounds):
        for number in NUMBERS:
            found[number].append(_drain(scene, jobs, number))
    rates = {number: [one.rate for one in each] for number, each in found.items()}
    for number, each in found.items():
        details = {"processes": number}
        columns = (("drain", "jobs/s"), ("worker CPU a job", "us"), ("server CPU a job", "us"))
        for (what, unit), values in zip(columns, zip(*each, strict=True), strict=True):
            name = f"{what}, {number} processes"
            scene.show(Figure(id="S9", what=name, values=values, unit=unit, details=details))
    for fewer, more in pairwise(NUMBERS):
        scene.show(ratios("S9", rates[more], rates[fewer], f"{fewer}, by {more}", least=1.0))
    scene.show(ratios("S9", rates[4], rates[1], "1, by 4", least=1.3))


def _drain(scene: Scene, jobs: int, number: int) -> Drained:
    """Let them wait until jobs come: what a start costs is no part of a drain."""
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        running = [_waiting(dsn) for _ in range(number)]
        with conn.transaction():
            Postgres(dsn).push_many("bench", [PAYLOAD] * jobs, on=conn)
            before = server_cpu(conn)
        while conn.execute(LEFT).fetchone() == (True,):
            sleep(0.05)
        server = server_cpu(conn) - before
        ended = [json.loads(one.communicate("stop\n")[0]) for one in running]
    done = sum(one["jobs"] for one in ended)
    if done != jobs:
        raise Broken(f"{done} of {jobs} jobs were run")
    worked = [one for one in ended if one["jobs"]]
    first, last = min(one["first"] for one in worked), max(one["last"] for one in worked)
    worker = sum(one["cpu"] for one in ended)
    return Drained(jobs / (last - first), 1e6 * worker / jobs, 1e6 * server / jobs)


def _waiting(dsn: str) -> subprocess.Popen[str]:
    one = subprocess.Popen(
        [*COMMAND, dsn, "waits"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert one.stdout is not None
    assert one.stdout.readline() == "ready\n"
    return one
