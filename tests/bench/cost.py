"""S10: WAL and the server's CPU for a job's whole life, against the raw loop's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from pgqueue import Postgres
from tests.bench import raw
from tests.bench.figure import Figure, ratios
from tests.bench.scene import PAYLOAD, Scene, script

TICKS = os.sysconf("SC_CLK_TCK")
UTIME, STIME, CUTIME, CSTIME = 11, 12, 13, 14
WAL = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"


class Cost(NamedTuple):
    """For one job."""

    wal: float
    cpu: float


def s10(scene: Scene) -> None:
    """A worker of ours and the raw loop; both push the same way."""
    jobs = scene.pick(10_000, 50_000)
    found: dict[str, list[Cost]] = {"worker": [], "raw": []}
    for _ in range(scene.rounds):
        found["worker"].append(_cost(scene, jobs, _by_worker))
        found["raw"].append(_cost(scene, jobs, _by_loop))
    for name, costs in found.items():
        goal = 900.0 if name == "worker" else None
        wal, cpu = [one.wal for one in costs], [one.cpu for one in costs]
        scene.show(Figure(id="S10", what=f"WAL a job: {name}", values=wal, unit="B", most=goal))
        scene.show(Figure(id="S10", what=f"server CPU a job: {name}", values=cpu, unit="us"))
    ours, bare = ([one.cpu for one in found[name]] for name in ("worker", "raw"))
    scene.show(ratios("S10", ours, bare, "raw loop, CPU", most=1.2))


def _by_worker(dsn: str, jobs: int) -> None:
    found = script("tests.bench.adapters.drainer", dsn)
    assert found["jobs"] == jobs


def _by_loop(dsn: str, jobs: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        assert raw.drain(conn, 100) == jobs


def _cost(scene: Scene, jobs: int, drain: Callable[[str, int], None]) -> Cost:
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        # Full-page images of the first touch are the checkpoint's price, not the job's.
        conn.execute("checkpoint")
        wal, cpu = _number(conn, WAL), server_cpu(conn)
        Postgres(dsn).push_many("bench", [PAYLOAD] * jobs, on=conn)
        drain(dsn, jobs)
        spent = server_cpu(conn) - cpu
        return Cost((_number(conn, WAL) - wal) / jobs, 1e6 * spent / jobs)


def _number(conn: psycopg.Connection[Any], query: str) -> int:
    [number] = conn.execute(query.encode()).fetchone() or [0]
    return int(number)


def server_cpu(conn: psycopg.Connection[Any]) -> float:
    """Return the seconds that the postmaster, its children and those that ended have used."""
    backend = conn.info.backend_pid
    postmaster = int(_stat(backend)[1])
    listed = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    ticks = sum(map(int, _stat(postmaster)[UTIME : CSTIME + 1]))
    for child in listed:
        try:
            ticks += sum(map(int, _stat(int(child))[UTIME : STIME + 1]))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields after the program's name, which may have spaces in it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
