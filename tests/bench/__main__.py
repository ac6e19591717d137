"""The benchmarks: `make bench`, `make bench-full`, or `python -m tests.bench --only S1,S4`.

Only the ratios count; the variants of a round run one after the other on one durable server.
"""

from __future__ import annotations

import argparse
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg

from pgqueue.devserver import DevServer
from tests.bench import (
    backlog,
    cost,
    crowds,
    drain,
    flat,
    idle,
    memory,
    pickup,
    processes,
    push,
    startup,
    steady,
)
from tests.bench.figure import Missing
from tests.bench.scene import Broken, Scene
from tests.bench.table import Table, setting


def s8(scene: Scene) -> None:
    """What waits elsewhere, and what is crowded itself."""
    backlog.s8(scene)
    crowds.s8(scene)


FIGURES: Mapping[str, Callable[[Scene], None]] = {
    "S1": drain.s1,
    "S2": drain.s2,
    "S3": steady.s3,
    "S4": push.s4,
    "S5": push.s5,
    "S6": pickup.s6,
    "S7": flat.s7,
    "S8": s8,
    "S9": processes.s9,
    "S10": cost.s10,
    "S11": memory.s11,
    "S12": startup.s12,
    "S13": idle.s13,
}
SHORT = ("S1", "S2", "S4", "S5", "S6")
SERVER = {"max_connections": "200", "shared_buffers": "512MB", "max_wal_size": "8GB"}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="everything, at full size: hours")
    parser.add_argument("--only", metavar="S1,S4", help=f"of {', '.join(FIGURES)}")
    parser.add_argument("--pg-bin", metavar="DIR", help="another PostgreSQL's programs")
    parser.add_argument("--out", metavar="FILE", type=Path, help="append a JSON line a figure")
    asked = parser.parse_args()
    chosen = asked.only.split(",") if asked.only else FIGURES if asked.full else SHORT
    if unknown := [one for one in chosen if one not in FIGURES]:
        parser.error(f"{', '.join(unknown)}: the figures are {', '.join(FIGURES)}")
    if asked.pg_bin:
        os.environ["PGQUEUE_PG_BIN"] = asked.pg_bin
    with ExitStack() as opened:
        server = opened.enter_context(DevServer.throwaway(durable=True, settings=SERVER))
        lines = opened.enter_context(asked.out.open("a")) if asked.out else None
        scene = Scene(server, full=asked.full, table=Table(lines, setting(server.dsn)))
        for one in chosen:
            try:
                FIGURES[one](scene)
            except (Broken, AssertionError, psycopg.Error) as error:
                # The other figures are worth their time all the same; this one is not silent.
                traceback.print_exc()
                why = str(error) or type(error).__name__
                scene.show(Missing(id=one, what="the whole figure", why=why.splitlines()[0]))


if __name__ == "__main__":
    main()
