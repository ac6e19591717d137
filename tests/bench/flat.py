"""S7: another session keeps its snapshot, so that no dead row can go, while jobs come and go."""

from __future__ import annotations

import secrets
from datetime import timedelta
from statistics import median
from time import monotonic, sleep
from typing import Any

import psycopg

from pgqueue import Postgres
from tests.bench.figure import Figure
from tests.bench.raw import CLAIM, COMPLETE, ID, POSITION, TOKEN
from tests.bench.scene import PAYLOAD, Scene

RATE, BATCH = 2_000, 100
QUEUE = "bench"
Times = list[tuple[float, float]]


def s7(scene: Scene) -> None:
    """Compare the claims of the last part of the time with those of the first."""
    seconds = scene.pick(20, 600)
    with scene.database() as dsn:
        claims, sweeps = _held(dsn, seconds)
    edge = scene.pick(5, 60)
    first = [ms for at, ms in claims if at < edge]
    last = [ms for at, ms in claims if at >= seconds - edge]
    series = [
        (start, round(median(near), 4))
        for start in range(0, seconds, max(1, edge // 5))
        if (near := [ms for at, ms in claims if start <= at < start + max(1, edge // 5)])
    ]
    what = f"claim p50, first {edge} s of {seconds} s"
    details: dict[str, Any] = {"series": series, "rate": RATE}
    scene.show(Figure(id="S7", what=what, values=[median(first)], unit="ms", details=details))
    ratio = median(last) / median(first)
    what = f"last {edge} s against first, xmin held"
    scene.show(Figure(id="S7", what=what, values=[ratio], unit="x first claims", most=1.5))
    looks = [ms for _, ms in sweeps]
    details = {"looks": [(round(at, 1), round(ms, 2)) for at, ms in sweeps]}
    what = "look from the start, past what has not gone"
    scene.show(Figure(id="S7", what=what, values=looks, unit="ms", details=details))
    late = max(ms for _, ms in claims) / 1000
    scene.show(Figure(id="S7", what="longest claim", values=[late], unit="s", most=2.0))


def _held(dsn: str, seconds: float) -> tuple[Times, Times]:
    """Return when each claim, and each look from the start, was made, and its milliseconds.

    A look, as a worker has it for stragglers, reads past every row that has not gone: one in
    twenty times as long as the last one took.
    """
    pg, cursor = Postgres(dsn), -1
    claims: Times = []
    sweeps: Times = []
    sweep_at = 1.0
    with (
        psycopg.connect(dsn) as holder,
        psycopg.connect(dsn, autocommit=True) as conn,
    ):
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select pg_current_xact_id()")
        started = due = monotonic()
        while (now := monotonic()) < started + seconds:
            pg.push_many(QUEUE, [PAYLOAD] * BATCH, on=conn)
            claimed = monotonic()
            jobs = _claim(conn, cursor)
            claims.append((now - started, 1000 * (monotonic() - claimed)))
            cursor = max((job[POSITION] for job in jobs), default=cursor)
            settled = {"ids": [job[ID] for job in jobs], "tokens": [job[TOKEN] for job in jobs]}
            conn.execute(COMPLETE, settled, prepare=True)
            if now - started >= sweep_at:
                looked = monotonic()
                _claim(conn, -1)
                sweeps.append((now - started, 1000 * (monotonic() - looked)))
                sweep_at = now - started + max(1.0, 20 * sweeps[-1][1] / 1000)
            due += BATCH / RATE
            sleep(max(0.0, due - monotonic()))
    return claims, sweeps


def _claim(conn: psycopg.Connection[Any], cursor: int) -> list[Any]:
    parameters = {
        "queues": [QUEUE],
        "rooms": [BATCH],
        "cursors": [cursor] * 10,
        "limit": BATCH,
        "token": secrets.randbits(62),
        "lease": timedelta(minutes=1),
        "worker": "flat",
    }
    return conn.execute(CLAIM, parameters, prepare=True).fetchall()
