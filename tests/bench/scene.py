"""Where a run takes place: one server, fresh databases on it, and what is measured there."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from pgqueue_migrations import upgrade

from pgqueue.devserver import DevServer
from tests.bench.figure import Figure, Missing
from tests.bench.table import Table
from tests.databases import drop_database, on_database

ROOT = Path(__file__).parent.parent.parent
PAYLOAD = {"file": "x" * 189}
PATIENCE = 600.0

Round = Callable[[], float]


class Broken(Exception):
    """A variant cannot be measured; the message says why."""


class Scene:
    """A durable server of our own, and the figures that were found on it."""

    def __init__(self, server: DevServer, *, full: bool, table: Table) -> None:
        self.server = server
        self.full = full
        self.rounds = 7 if full else 5
        self._table = table
        self._numbers = itertools.count()

    def pick(self, short: int, full: int) -> int:
        """Choose a size for this run."""
        return full if self.full else short

    def show(self, *found: Figure | Missing) -> None:
        """Print and keep what was found."""
        for one in found:
            self._table.add(one)

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """Give a fresh database, with our schema in it or empty, and drop it again."""
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self.server.dsn, autocommit=True) as admin:
            admin.execute(f"create database {name}".encode())
            try:
                dsn = on_database(self.server.dsn, name)
                if migrated:
                    upgrade(dsn)
                yield dsn
            finally:
                drop_database(admin, name)

    def interleaved(self, id: str, variants: Mapping[str, Round]) -> dict[str, list[float]]:
        """Measure the variants in turn, round by round; one that breaks is said and left out."""
        measured: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(self.rounds):
            for name in list(measured):
                try:
                    measured[name].append(variants[name]())
                except Broken as broken:
                    self.show(Missing(id=id, what=name, why=str(broken)))
                    del measured[name]
        return measured


def script(
    module: str, *arguments: object, python: str | Path = sys.executable, at_most: float = PATIENCE
) -> Any:
    """Run a module as a process of its own, and return the JSON of its last line."""
    try:
        ended = subprocess.run(
            [str(python), "-m", module, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=at_most,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"did not end within {at_most:.0f} s") from None
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or ["nothing was said"]
        raise Broken(f"ended with {ended.returncode}: {said[-1]:.200}")
    return json.loads(ended.stdout.strip().splitlines()[-1])
