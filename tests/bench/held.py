"""A session that holds xmin, a rate that jobs come at, and what is left behind of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles
from time import monotonic, sleep
from typing import Any

import psycopg

from tests.bench.figure import Figure
from tests.bench.scene import Scene

RATE, BATCH = 2_000, 100
QUEUE = "bench"
LEFT = """
select n_dead_tup, pg_total_relation_size(relid)
from pg_stat_user_tables where relid = 'pgqueue.jobs'::regclass
"""

Times = Sequence[tuple[float, float]]


@contextmanager
def held(dsn: str) -> Iterator[None]:
    """Keep an XID, and a snapshot that has read the table: no dead row can go."""
    with psycopg.connect(dsn) as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        holder.execute("select pg_current_xact_id()")
        holder.execute("select count(*) from pgqueue.jobs")
        yield


def batches(seconds: float) -> Iterator[tuple[float, float]]:
    """Yield, at the rate, when a batch was due, by the monotonic clock and since the start.

    One that comes late was due all the same: its jobs have waited since then.
    """
    started = monotonic()
    for number in range(round(seconds * RATE / BATCH)):
        after = number * BATCH / RATE
        sleep(max(0.0, started + after - monotonic()))
        yield started + after, after


def show_left(scene: Scene, conn: psycopg.Connection[Any], how: str) -> None:
    """Show the dead rows that are kept, as the last vacuum or the statistics count them."""
    conn.execute("select pg_stat_force_next_flush()")
    sleep(1.5)  # the other sessions' counts
    dead, size = conn.execute(LEFT).fetchone() or (0, 0)
    details = {"dead_tuples": dead, "mib": round(size / 2**20)}
    what = f"dead tuples at the end, {how}"
    scene.show(Figure(id="S7", what=what, values=[dead], unit="rows", details=details))


def show_waits(scene: Scene, waits: Times, seconds: float, what: str) -> None:
    """Show how long jobs have waited, first and last tenth, and the longest."""
    for percent in (50, 99):
        first, last = (_percentile(some, percent) for some in tenths(waits, seconds))
        for name, value in (("first", first), ("last", last)):
            named = f"{what}, p{percent}, {name} tenth"
            scene.show(Figure(id="S7", what=named, values=[value], unit="ms"))
    longest = max(ms for _, ms in waits) / 1000
    scene.show(Figure(id="S7", what=f"{what}, longest", values=[longest], unit="s", most=2.0))


def tenths(times: Times, seconds: float) -> tuple[Sequence[float], Sequence[float]]:
    """Return the values of the first and of the last tenth of the time."""
    edge = seconds / 10
    return [ms for at, ms in times if at < edge], [ms for at, ms in times if at >= seconds - edge]


def series(times: Times, seconds: float) -> Sequence[tuple[float, float]]:
    """Return the median of each of fifty intervals, and when it began."""
    width = max(1.0, seconds / 50)
    return [
        (round(start, 1), round(median(near), 4))
        for start in (width * n for n in range(int(seconds / width)))
        if (near := [ms for at, ms in times if start <= at < start + width])
    ]


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]
