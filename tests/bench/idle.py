"""S13: what a worker with nothing to do asks of the database."""

from __future__ import annotations

import os
import subprocess
import sys
from time import monotonic, sleep
from typing import Any

import psycopg

from pgqueue import Postgres
from tests.bench.figure import Figure
from tests.bench.scene import ROOT, Scene

# It settles, subscribes and sweeps once; then a backend with nothing to do keeps what it has
# counted to itself for ten seconds.
_SETTLED = 12.0
COMMITS = "select xact_commit + xact_rollback from pg_stat_database where datname = %s"


def s13(scene: Scene) -> None:
    """Count the transactions of an idle worker; each of its statements is one."""
    seconds = scene.pick(30, 60)
    values = [_counted(scene, seconds) for _ in range(scene.pick(1, 3))]
    what = f"statements of an idle worker, {seconds} s"
    scene.show(Figure(id="S13", what=what, values=values, unit="a second", most=1.0))


def _counted(scene: Scene, seconds: float) -> float:
    command = ["-m", "pgqueue_cli.main", "work", "tests.bench.application:processors"]
    with scene.database() as dsn, psycopg.connect(scene.server.dsn, autocommit=True) as other:
        with psycopg.connect(dsn, autocommit=True) as conn:
            [name] = conn.execute("select current_database()").fetchone() or [""]
            Postgres(dsn).push("bench", None, on=conn)
        worker = subprocess.Popen(
            [sys.executable, *command, "--log-level", "warning"],
            cwd=ROOT,
            env={**os.environ, "PGQUEUE_DSN": dsn},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ran\n"
            sleep(_SETTLED)
            before, started = _commits(other, name), monotonic()
            sleep(seconds)
            return (_commits(other, name) - before) / (monotonic() - started)
        finally:
            worker.terminate()
            worker.communicate()


def _commits(conn: psycopg.Connection[Any], name: str) -> int:
    [count] = conn.execute(COMMITS, [name]).fetchone() or [0]
    return int(count)
