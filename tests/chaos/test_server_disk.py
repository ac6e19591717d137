"""The server's disk is full: workers say so, wait, and write their outcomes when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pgqueue import Postgres, Unavailable
from pgqueue.devserver import DevServer, account
from tests.chaos.apps.ordinary import FAILING, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.load import LONG, settled
from tests.chaos.workers import Workers
from tests.places import open_to_all
from tests.worker.running import Connection, one

MIB = 24


@pytest.fixture
def small() -> Iterator[Path]:
    """A folder on a disk of its own, with little room."""
    with open_to_all() as folder:
        mounted = folder / "small"
        mounted.mkdir()
        size = f"size={MIB}m,uid={account.owner()},mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", mounted], check=True)
        try:
            yield mounted
        finally:
            subprocess.run(["umount", "--lazy", mounted], check=True)


def fill(conn: Connection, folder: Path, table: str) -> Path:
    """Put a table on the small disk, and return the file that leaves no page there for it."""
    conn.execute(f"create tablespace small location '{folder}'".encode())
    conn.execute(f"alter table pgqueue.{table} set tablespace small".encode())
    # COPY and others extend a table by more pages than they need.
    conn.execute(f"vacuum full pgqueue.{table}".encode())
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(folder).f_bavail == 0
    return filler


async def test_outcomes_wait_for_room_and_are_not_lost(
    primary: DevServer, own: Connection, small: Path, crew: Workers, ledger: Ledger
) -> None:
    """M35, P1, P8: each retry is written once there is room, and until then its lease is kept."""
    filler = fill(own, small, "scheduled_jobs")
    pg = Postgres(primary.dsn)
    failing = pg.push(FAILING, 0, on=own)
    worker = await crew.serving(dsn=primary.dsn, **LONG)
    await worker.prints("Settler lost the database and tries again: DiskFull 53100")
    with pytest.raises(Unavailable, match="DiskFull 53100: could not extend file"):
        pg.push(QUICK, 0, on=own, delay="1s")
    assert ledger.attempts() == {failing: [1]}
    filler.unlink()
    await settled(primary.dsn)
    assert ledger.attempts() == {failing: [1, 2, 3]}
    assert one(own, "select array_agg(id) from pgqueue.dead_jobs") == [failing]
    assert await worker.stopped() == 0


async def test_a_worker_claims_nothing_for_lack_of_room_and_then_all(
    primary: DevServer, own: Connection, small: Path, crew: Workers, ledger: Ledger
) -> None:
    """M35, P1, P8: of jobs whose pages are full."""
    pg = Postgres(primary.dsn)
    own.execute("alter table pgqueue.jobs set (fillfactor = 100)")
    jobs = pg.push_many(QUICK, range(300), on=own)
    filler = fill(own, small, "jobs")
    worker = await crew.serving(dsn=primary.dsn, **LONG)
    await worker.prints("Fetcher lost the database and tries again: DiskFull 53100")
    with pytest.raises(Unavailable, match="DiskFull"):
        pg.push_many(QUICK, range(1000), on=own)
    filler.unlink()
    await settled(primary.dsn)
    assert set(jobs) <= set(ledger.runs())
    assert set(ledger.runs().values()) == {1}
    assert await worker.stopped() == 0
