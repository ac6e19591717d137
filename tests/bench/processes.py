"""S9: more worker processes on one queue."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import psycopg

from pgqueue import Postgres
from tests.bench.figure import Figure, ratios
from tests.bench.scene import PAYLOAD, ROOT, Broken, Scene

NUMBERS = (1, 2, 4)
# A worker that stops when there is nothing left says when it began and ended, and what it did.
MODULE = "tests.bench.adapters.drainer"


def s9(scene: Scene) -> None:
    """Drain with one, two and four processes of concurrency 100 each."""
    jobs = scene.pick(20_000, 100_000)
    found: dict[int, list[float]] = {number: [] for number in NUMBERS}
    for _ in range(scene.rounds):
        for number in NUMBERS:
            found[number].append(_drain(scene, jobs, number))
    for number, values in found.items():
        details = {"processes": number}
        what = f"drain by {number} processes"
        scene.show(Figure(id="S9", what=what, values=values, unit="jobs/s", details=details))
    for fewer, more in pairwise(NUMBERS):
        scene.show(ratios("S9", found[more], found[fewer], f"{fewer}, by {more}", least=1.0))
    scene.show(ratios("S9", found[4], found[1], "1, by 4", least=1.3))


def _drain(scene: Scene, jobs: int, number: int) -> float:
    with scene.database() as dsn:
        with psycopg.connect(dsn, autocommit=True) as conn:
            Postgres(dsn).push_many("bench", [PAYLOAD] * jobs, on=conn)
        command = [sys.executable, "-m", MODULE, dsn]
        running = [
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            for _ in range(number)
        ]
        ended = [json.loads(one.communicate()[0]) for one in running]
    done = sum(one["jobs"] for one in ended)
    if done != jobs:
        raise Broken(f"{done} of {jobs} jobs were run")
    worked = [one for one in ended if one["jobs"]]
    first, last = min(one["first"] for one in worked), max(one["last"] for one in worked)
    return float(jobs / (last - first))
