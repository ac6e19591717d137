"""A worker's statements in a bare psycopg loop: what the worker is measured against."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from operator import itemgetter
from time import perf_counter
from typing import Any

import psycopg

from pgqueue import Postgres
from pgqueue.drivers.postgres.statement import load
from tests.bench.scene import PAYLOAD, Scene

CLAIM = load("claim", tuple).text
COMPLETE = load("complete", tuple).text
EXCHANGE = load("exchange", tuple).text
ID, TOKEN, PRIORITY, POSITION = 0, 1, 4, 5


def drain(conn: psycopg.Connection[Any], batch: int) -> int:
    """Claim and complete until nothing is left; return how many jobs there were."""
    done, cursors = 0, [-1] * 10
    while True:
        jobs = conn.execute(CLAIM, _claim(cursors, batch), prepare=True).fetchall()
        if not jobs:
            return done
        for job in jobs:
            cursors[job[PRIORITY]] = max(cursors[job[PRIORITY]], job[POSITION])
        jobs.sort(key=itemgetter(ID))
        settled = {"ids": [job[ID] for job in jobs], "tokens": [job[TOKEN] for job in jobs]}
        done += len(conn.execute(COMPLETE, settled, prepare=True).fetchall())


def exchange(conn: psycopg.Connection[Any], batch: int) -> int:
    """Do the same with the statement that completes one batch and claims the next."""
    done, cursors = 0, [-1] * 10
    jobs: list[Any] = []
    while True:
        claim = _claim(cursors, batch)
        settled = {"ids": [job[ID] for job in jobs], "tokens": [job[TOKEN] for job in jobs]}
        statement = EXCHANGE if jobs else CLAIM
        rows = conn.execute(statement, claim | settled, prepare=True).fetchall()
        done += len(jobs) - sum(row[TOKEN] is None for row in rows)
        claimed = (row for row in rows if row[TOKEN] is not None)
        jobs = sorted(claimed, key=itemgetter(ID))
        if not jobs:
            return done
        for job in jobs:
            cursors[job[PRIORITY]] = max(cursors[job[PRIORITY]], job[POSITION])


Loop = Callable[[psycopg.Connection[Any], int], int]


def rate(scene: Scene, loop: Loop, jobs: int, batch: int) -> float:
    """Return how many jobs a second one blocking connection claims and completes."""
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(load("plan_once", lambda *_: None).text)
        Postgres(dsn).push_many("bench", [PAYLOAD] * jobs, on=conn)
        started = perf_counter()
        done = loop(conn, batch)
        assert done == jobs, f"{done} of {jobs} jobs were completed"
        return jobs / (perf_counter() - started)


def _claim(cursors: list[int], batch: int) -> dict[str, Any]:
    return {
        "queues": ["bench"],
        "rooms": [batch],
        "cursors": cursors,
        "limit": batch,
        "token": secrets.randbits(62),
        "lease": timedelta(minutes=1),
        "worker": "raw",
    }
