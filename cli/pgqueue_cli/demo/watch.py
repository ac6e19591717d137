"""Watches the workers from outside, and kills one of them at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from pgqueue_cli.demo import ledger
from pgqueue_cli.demo.errors import DemoError
from pgqueue_cli.demo.ledger import Connection
from pgqueue_cli.demo.workers import WorkerProcess

TICK = 0.05
PATIENCE = 120.0

Show = Callable[[int], None]


def killed_at_work(
    victim: WorkerProcess, other: WorkerProcess, conn: Connection, total: int, show: Show
) -> list[int]:
    """Kill a worker when a third is done and it holds jobs; return the jobs that it held."""
    for unfinished in _looks(conn, total, show, victim, other):
        if unfinished == 0:
            raise DemoError("all jobs were done before a worker could be killed; run it again")
        if 3 * unfinished <= 2 * total and (held := _killed(victim, conn)):
            return held
    return []


def drained(worker: WorkerProcess, conn: Connection, total: int, show: Show) -> None:
    """Wait until no job is left that will run by itself."""
    for unfinished in _looks(conn, total, show, worker):
        if unfinished == 0:
            return


def _looks(conn: Connection, total: int, show: Show, *workers: WorkerProcess) -> Iterator[int]:
    """Give the number of unfinished jobs, again and again, as long as the workers live."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        unfinished = ledger.unfinished(conn)
        show(total - unfinished)
        yield unfinished
        for worker in workers:
            worker.check()
        time.sleep(TICK)
    raise DemoError(f"{unfinished} of {total} jobs are not done after {PATIENCE:.0f} s")


def _killed(worker: WorkerProcess, conn: Connection) -> list[int]:
    """Kill a worker unless it holds no job; return what it held."""
    # Frozen first: otherwise it could finish its jobs between our look and its death.
    worker.freeze()
    if not ledger.held(conn, worker.pid):
        worker.thaw()
        return []
    worker.kill()
    # Its last commit may be under way in the server; what it held is certain when it is gone.
    while ledger.is_connected(conn, worker.pid):
        time.sleep(TICK)
    return ledger.held(conn, worker.pid)
