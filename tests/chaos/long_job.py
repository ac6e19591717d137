"""A job that takes ten leases, and blocks its event loop all the while, beside an idle worker.

python -m tests.chaos.long_job [--minutes 5] [--lease 30]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import psycopg

from pgqueue import Postgres
from tests.chaos.apps.blocking import BLOCKING
from tests.chaos.ledger import Ledger
from tests.chaos.workers import Worker, Workers
from tests.databases import drop_database, make_template, on_database
from tests.servers import chosen_server

LEFT = "select extract(epoch from visible_at - now())::float8, attempt from pgqueue.jobs"
STILL = "the event loop stands still"
NAME = "pgqueue_long_job"


@dataclass(frozen=True)
class Report:
    """What happened. `least`: the shortest time that the lease had left, in seconds."""

    took: float
    extended: int
    least: float
    attempts: Sequence[int]
    reported: int

    @property
    def held(self) -> bool:
        """Whether the job ran once, and its lease never came near its end unnoticed."""
        return self.attempts == [1] and self.least > 0


async def long_job(workers: Workers, *, seconds: float, lease: float) -> Report:
    """Run it on one of two workers, and watch its row until it is gone."""
    settings = {"PGQUEUE_LEASE": f"{lease}s", "PGQUEUE_HEARTBEAT": f"{lease / 8}s"}
    with psycopg.connect(workers.dsn, autocommit=True) as conn:
        pair = [await workers.serving(app="blocking", **settings) for _ in range(2)]
        Postgres(workers.dsn).push(BLOCKING, float(seconds), on=conn)
        ledger = Ledger(workers.folder)
        begun = await ledger.until("start")
        extended, least, last = 0, lease, lease
        deadline = monotonic() + 2 * seconds + 60
        while row := conn.execute(LEFT).fetchone():
            assert monotonic() < deadline, "it does not end"
            left, _ = row
            extended += left > last
            least, last = min(least, left), left
            await asyncio.sleep(0.1)
        took = monotonic() - begun.at
        stopped = [await each.stopped() for each in pair]
    assert stopped == [0, 0], stopped
    attempts = ledger.attempts()[begun.job]
    return Report(took, extended, least, attempts, sum(map(_reports, pair)))


def _reports(worker: Worker) -> int:
    return worker.printed.count(STILL)


async def main(minutes: float, lease: float) -> int:
    """Run it on a database of its own; 0 if the lease held."""
    with chosen_server() as server, psycopg.connect(server.dsn, autocommit=True) as conn:
        make_template(conn, server.dsn, NAME)
        with tempfile.TemporaryDirectory() as folder:
            workers = Workers(on_database(server.dsn, NAME), Path(folder))
            try:
                report = await long_job(workers, seconds=minutes * 60, lease=lease)
            finally:
                for worker in workers.started:
                    worker.process.kill()
                    worker.process.wait()
                drop_database(conn, NAME)
    print(
        f"PostgreSQL {server.version}: a job of {report.took:.1f} s that blocks its loop, under "
        f"a lease of {lease:g} s, beside an idle worker:\n"
        f"attempts {list(report.attempts)}, extended {report.extended} times, at least "
        f"{report.least:.1f} s left, stall reported {report.reported} times\n"
        + ("the lease held" if report.held else "THE LEASE DID NOT HOLD")
    )
    return 0 if report.held else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.long_job")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--lease", type=float, default=30.0, help="seconds")
    options = parser.parse_args()
    raise SystemExit(asyncio.run(main(options.minutes, options.lease)))
