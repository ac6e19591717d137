"""The same claim and completion in a bare psycopg loop: what the worker is measured against."""

from __future__ import annotations

import secrets
from datetime import timedelta
from time import perf_counter
from typing import Any

import psycopg

from pgqueue import Postgres
from pgqueue.drivers.postgres.statement import load
from tests.bench.scene import PAYLOAD, Scene

CLAIM = load("claim", tuple).text
COMPLETE = load("complete", tuple).text
ID, TOKEN, PRIORITY, POSITION = 0, 1, 4, 5


def drain(conn: psycopg.Connection[Any], batch: int) -> int:
    """Claim and complete until nothing is left; return how many jobs there were."""
    done, cursors = 0, [-1] * 10
    while True:
        parameters = {
            "queues": ["bench"],
            "rooms": [batch],
            "cursors": cursors,
            "limit": batch,
            "token": secrets.randbits(62),
            "lease": timedelta(minutes=1),
            "worker": "raw",
        }
        jobs = conn.execute(CLAIM, parameters, prepare=True).fetchall()
        if not jobs:
            return done
        for job in jobs:
            cursors[job[PRIORITY]] = max(cursors[job[PRIORITY]], job[POSITION])
        settled = {"ids": [job[ID] for job in jobs], "tokens": [job[TOKEN] for job in jobs]}
        done += len(conn.execute(COMPLETE, settled, prepare=True).fetchall())


def rate(scene: Scene, jobs: int, batch: int) -> float:
    """Return how many jobs a second one blocking connection claims and completes."""
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        Postgres(dsn).push_many("bench", [PAYLOAD] * jobs, on=conn)
        started = perf_counter()
        done = drain(conn, batch)
        assert done == jobs, f"{done} of {jobs} jobs were completed"
        return jobs / (perf_counter() - started)
