"""S12: how long one waits for the import, the help, and a worker's first job."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from time import perf_counter

import psycopg

from pgqueue import Postgres
from tests.bench.figure import Figure
from tests.bench.scene import ROOT, Scene

GOALS = {"import pgqueue": 0.1, "pgqueue --help": 0.5, "pgqueue work, first job": 1.0}
EMPTY = "bare python"
IMPORTS = ("import pgqueue", "from pgqueue import Postgres")
CLI = ("-m", "pgqueue_cli.main")


def s12(scene: Scene) -> None:
    """Compare with an interpreter that does nothing, whose time is part of each."""
    found = scene.interleaved(
        "S12",
        {
            EMPTY: partial(_seconds, "-c", "pass"),
            **{code: partial(_seconds, "-c", code) for code in IMPORTS},
            "pgqueue --help": partial(_seconds, *CLI, "--help"),
            "pgqueue work, first job": partial(_first_job, scene),
        },
    )
    for name, values in found.items():
        goal = GOALS.get(name)
        if name in IMPORTS:
            values = [max(0.0, one - bare) for one, bare in zip(values, found[EMPTY], strict=True)]
        scene.show(Figure(id="S12", what=name, values=values, unit="s", most=goal))


def _seconds(*arguments: str) -> float:
    started = perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, env=_compiled(), capture_output=True, check=True)
    return perf_counter() - started


def _first_job(scene: Scene) -> float:
    """From the start of the command until its handler runs, which says so."""
    with scene.database() as dsn:
        with psycopg.connect(dsn, autocommit=True) as conn:
            Postgres(dsn).push("bench", None, on=conn)
        command = [*CLI, "work", "tests.bench.application:processors", "--max-jobs", "1"]
        started = perf_counter()
        with subprocess.Popen(
            [sys.executable, *command, "--log-level", "warning"],
            cwd=ROOT,
            env={**_compiled(), "PGQUEUE_DSN": dsn},
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ran\n"
            return perf_counter() - started


def _compiled() -> dict[str, str]:
    """Installed packages are compiled once, and not at every start."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
