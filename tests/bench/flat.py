"""S7: another session keeps its snapshot, so that no dead row can go, while jobs come and go.

Claims and completions by hand, as a worker sends them; then a worker, for a shorter time.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from datetime import timedelta
from operator import itemgetter
from statistics import median
from time import monotonic
from typing import Any, NamedTuple

import psycopg

from pgqueue import Postgres
from pgqueue.drivers.postgres.arrays import ints
from tests.bench.figure import Figure
from tests.bench.held import BATCH, QUEUE, RATE, batches, held, series, show_left, show_waits
from tests.bench.raw import CLAIM, COMPLETE, ID, POSITION, TOKEN
from tests.bench.scene import PAYLOAD, ROOT, Scene

STARTER = [sys.executable, "-m", "tests.bench.adapters.starter"]
Connection = psycopg.Connection[Any]
Times = list[tuple[float, float]]


class Found(NamedTuple):
    """Seconds since the start, and milliseconds: of claims, of looks from the start, of waits."""

    claims: Times
    looks: Times
    waits: Times


def s7(scene: Scene) -> None:
    """Compare the last part of the time with the first."""
    _by_hand(scene, scene.pick(20, 600))
    _by_worker(scene, scene.pick(20, 120))


def _by_hand(scene: Scene, seconds: int) -> None:
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn, held(dsn):
        found = _claimed(dsn, conn, seconds)
        show_left(scene, conn, "by hand")
    edge = scene.pick(5, 60)
    first = [ms for at, ms in found.claims if at < edge]
    last = [ms for at, ms in found.claims if at >= seconds - edge]
    what = f"claim p50, first {edge} s of {seconds} s"
    details: dict[str, Any] = {"series": series(found.claims, seconds), "rate": RATE}
    scene.show(Figure(id="S7", what=what, values=[median(first)], unit="ms", details=details))
    ratio = median(last) / median(first)
    what = f"last {edge} s against first, xmin held"
    scene.show(Figure(id="S7", what=what, values=[ratio], unit="x first claims", most=1.5))
    looks = [ms for _, ms in found.looks]
    details = {"looks": [(round(at, 1), round(ms, 2)) for at, ms in found.looks]}
    what = "look from the start, past the dead"
    scene.show(Figure(id="S7", what=what, values=looks, unit="ms", details=details))
    show_waits(scene, found.waits, seconds, "due to claimed")


def _claimed(dsn: str, conn: Connection, seconds: float) -> Found:
    """Push, claim and complete batch by batch.

    A look, as a worker has it for stragglers, reads past every row that has not gone: one in
    twenty times as long as the last one took.
    """
    pg, cursor, look_at = Postgres(dsn), -1, 1.0
    found, due_at = Found([], [], []), dict[int, float]()
    for due, at in batches(seconds):
        due_at |= dict.fromkeys(pg.push_many(QUEUE, [PAYLOAD] * BATCH, on=conn), due)
        asked = monotonic()
        jobs = _claim(conn, cursor)
        found.claims.append((at, 1000 * (monotonic() - asked)))
        if at >= look_at:
            asked = monotonic()
            jobs += _claim(conn, -1)
            found.looks.append((at, 1000 * (monotonic() - asked)))
            look_at = at + max(1.0, 20 * found.looks[-1][1] / 1000)
        now = monotonic()
        found.waits.extend((at, 1000 * (now - due_at.pop(job[ID]))) for job in jobs)
        cursor = max((job[POSITION] for job in jobs), default=cursor)
        jobs.sort(key=itemgetter(ID))
        ids, tokens = ([job[column] for job in jobs] for column in (ID, TOKEN))
        settled = {"ids": ints(ids), "tokens": ints(tokens)}
        conn.execute(COMPLETE, settled, prepare=True)
    assert not due_at, f"{len(due_at)} jobs were never claimed"
    return found


def _claim(conn: Connection, cursor: int) -> list[Any]:
    parameters = {
        "queues": [QUEUE],
        "rooms": [BATCH],
        "cursors": ints([cursor] * 10),
        "limit": BATCH,
        "token": secrets.randbits(62),
        "lease": timedelta(minutes=1),
        "worker": "flat",
    }
    return conn.execute(CLAIM, parameters, prepare=True).fetchall()


def _by_worker(scene: Scene, seconds: int) -> None:
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn, held(dsn):
        waits = _started(dsn, conn, seconds)
        show_left(scene, conn, "by a worker")
    what = f"push to start in a worker, {seconds} s"
    details = {"waits": series(waits, seconds), "rate": RATE}
    every = [ms for _, ms in waits]
    scene.show(Figure(id="S7", what=what, values=every, unit="ms", details=details))
    show_waits(scene, waits, seconds, "due to start")


def _started(dsn: str, conn: Connection, seconds: float) -> Times:
    """Push at the rate, and return how long each job of a worker process waited for its start."""
    pg, sent = Postgres(dsn), 0
    command = [*STARTER, dsn, str(RATE * seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        began = monotonic()
        for due, _ in batches(seconds):
            pg.push_many(QUEUE, [{**PAYLOAD, "due": due}] * BATCH, on=conn)
            sent += BATCH
        started: Times = json.loads(worker.stdout.readline())
    assert len(started) == sent, f"{len(started)} of {sent} jobs were run"
    return [(due - began, 1000 * wait) for due, wait in started]
