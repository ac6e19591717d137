"""The benchmarks: `make bench`, `make bench-full`, or `python -m tests.bench --only S1,S4`.

Only the ratios count; the variants of a round run one after the other on one durable server.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from pgqueue.devserver import DevServer
from tests.bench import drain, pickup, push
from tests.bench.scene import Scene
from tests.bench.table import Table, setting

FIGURES: Mapping[str, Callable[[Scene], None]] = {
    "S1": drain.s1,
    "S2": drain.s2,
    "S4": push.s4,
    "S5": push.s5,
    "S6": pickup.s6,
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
            FIGURES[one](scene)


if __name__ == "__main__":
    main()
