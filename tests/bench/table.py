"""What a run shows: a table for people, and a line of JSON a figure for programs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from os import cpu_count, getloadavg
from pathlib import Path
from typing import Any, TextIO

import psycopg

from tests.bench.figure import Figure, Missing

SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "wal_sync_method",
)
ROW = "{:4} {:42.42} {:>12} {:>21}  {:24} {:>8}  {}"


class Table:
    """Prints each figure as soon as it is there, and writes its line where it was told to."""

    def __init__(self, lines: TextIO | None, setting: Mapping[str, Any]) -> None:
        self._lines = lines
        self._setting = setting
        print(", ".join(f"{name} {value}" for name, value in setting.items()))
        print(ROW.format("", "what", "median", "min - max", "unit", "target", "met"), flush=True)

    def add(self, found: Figure | Missing) -> None:
        """Print one row, and write one line."""
        if isinstance(found, Missing):
            print(f"{found.id:4} {found.what:42.42} not measured: {found.why}", flush=True)
        else:
            low, high = min(found.values), max(found.values)
            spread = f"{_short(low)} - {_short(high)}"
            met = {None: "", True: "yes", False: "NO"}[found.met]
            value = _short(found.median)
            cells = (found.id, found.what, value, spread, found.unit, found.target, met)
            print(ROW.format(*cells).rstrip(), flush=True)
        if self._lines is not None:
            print(found.line(self._setting), file=self._lines, flush=True)


def setting(dsn: str) -> dict[str, Any]:
    """Describe machine and server, as far as they decide about figures."""
    with psycopg.connect(dsn) as conn:
        names = list(SETTINGS)
        query = "select name, setting || coalesce(unit, '') from pg_settings where name = any (%s)"
        found: dict[str, str] = dict(conn.execute(query, [names]).fetchall())
    return {
        "postgres": found.pop("server_version").partition(" ")[0],
        "python": platform.python_version(),
        "cores": cpu_count(),
        "cpu": _processor(),
        "load": round(getloadavg()[0], 1),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: found[name] for name in SETTINGS if name in found},
    }


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
