"""What is measured: pushes, a drain, the way from push to start, and a drain under a held xmin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import quantiles
from time import monotonic, sleep
from typing import Any, NamedTuple

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres import Postgres
from pgqueue_cli import database
from pgqueue_cli.bench.worker import Working, working

_PAD = "x" * 170
_PAUSE = 0.02
_OLDEST = """
select max(age(backend_xmin)) from pg_stat_activity
where backend_xmin is not null and pid <> pg_backend_pid()
"""


class Measure(NamedTuple):
    """One row of what was found."""

    what: str
    value: float | str
    unit: str

    @property
    def shown(self) -> str:
        """The value for people."""
        if isinstance(self.value, str):
            return self.value
        return f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.3g}"


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much of it."""

    jobs: int
    pushes: int
    concurrency: int


def measures(config: Config, conn: psycopg.Connection[Any], load: Load) -> Iterator[Measure]:
    """Measure one thing after the other; each is given as soon as it is there."""
    yield from _surroundings(conn)
    pg = Postgres(config.dsn, schema=config.schema, env=False)
    payload = {"run": 0, "jobs": load.jobs, "pad": _PAD}
    yield from _milliseconds("push one, alone", _pushed_alone(pg, conn, load.pushes))
    seconds = _timed(lambda: pg.push_many("bench_drain", [payload] * load.jobs, on=conn))
    yield Measure("push many in one transaction", load.jobs / seconds, "jobs/s")
    with working(config, load.concurrency) as worker:
        yield Measure(f"drain, concurrency {load.concurrency}", _drained(worker, load), "jobs/s")
        yield from _milliseconds(
            "from push to start, idle worker", _pickups(worker, pg, conn, load.pushes)
        )
        yield from _held(config, worker, pg, conn, load)


def _surroundings(conn: psycopg.Connection[Any]) -> Iterator[Measure]:
    for name in ("server_version", "synchronous_commit", "fsync"):
        [value] = conn.execute("select current_setting(%s)", [name]).fetchone() or [""]
        yield Measure(name, str(value), "")
    [oldest] = conn.execute(_OLDEST).fetchone() or [None]
    yield Measure("oldest snapshot that others hold", float(oldest or 0), "transactions")


def _pushed_alone(pg: Postgres, conn: psycopg.Connection[Any], pushes: int) -> list[float]:
    payload = {"pad": _PAD}
    return [_timed(lambda: pg.push("bench_push", payload, on=conn)) for _ in range(pushes)]


def _drained(worker: Working, load: Load) -> float:
    return load.jobs / float(worker.told()["seconds"])


def _pickups(
    worker: Working, pg: Postgres, conn: psycopg.Connection[Any], pushes: int
) -> list[float]:
    waits = []
    for _ in range(pushes):
        # The worker has to be idle again.
        sleep(_PAUSE)
        pg.push("bench_pickup", {"sent": monotonic()}, on=conn)
        waits.append(float(worker.told()["waited"]))
    return waits


def _held(
    config: Config, worker: Working, pg: Postgres, conn: psycopg.Connection[Any], load: Load
) -> Iterator[Measure]:
    """Drain again, twice, while another session keeps its snapshot, so that no row can go."""
    with database.connected(config) as holder, holder.transaction():
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select pg_current_xact_id()")
        for run, when in ((1, "xmin held"), (2, "xmin still held")):
            payload = {"run": run, "jobs": load.jobs, "pad": _PAD}
            pg.push_many("bench_drain", [payload] * load.jobs, on=conn)
            yield Measure(f"drain, {when}", _drained(worker, load), "jobs/s")


def _timed(act: Callable[[], Any]) -> float:
    started = monotonic()
    act()
    return monotonic() - started


def _milliseconds(what: str, seconds: list[float]) -> Iterator[Measure]:
    percentiles = quantiles([1000 * one for one in seconds], n=100, method="inclusive")
    for percent in (50, 99):
        yield Measure(f"{what}, p{percent}", percentiles[percent - 1], "ms")
