"""Claims stay as cheap as they were while somebody keeps the dead rows from being vacuumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres
from pgqueue.drivers.postgres import claims as sources
from pgqueue.drivers.postgres import lanes
from pgqueue.drivers.postgres.statement import run
from pgqueue.outcome import Done
from pgqueue.seam import Claim, JobSource, Lease, Settlement
from tests.drivers.store import Connection, claim_parameters, insert

JOBS, BATCH, DECILE = 200_000, 200, 20_000
TOUCHED = """
select heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit
from pg_statio_user_tables where schemaname = 'pgqueue' and relname = 'jobs'"""


class Gauge:
    """Counts the buffers of the claims from cursors, and the sweeps, which have none."""

    def __init__(self) -> None:
        self.on = False
        self.claims: list[int] = []
        self.sweeps = 0

    async def run(self, conn: Any, statement: Any, parameters: Any) -> Any:
        """Run a statement of the source."""
        if statement is not sources.CLAIM or not self.on:
            return await run(conn, statement, parameters)
        before = await self._touched(conn)
        rows = await run(conn, statement, parameters)
        if max(map(int, parameters["cursors"][1:-1].split(","))) < 0:
            self.sweeps += 1
        else:
            self.claims.append(await self._touched(conn) - before)
        return rows

    async def _touched(self, conn: Any) -> int:
        await conn.execute("select pg_stat_force_next_flush()")
        row = await (await conn.execute(TOUCHED)).fetchone()
        return int(row[0])


@pytest.fixture
def gauge(monkeypatch: pytest.MonkeyPatch) -> Gauge:
    """What the source's claims touch."""
    gauge = Gauge()
    monkeypatch.setattr(sources, "run", gauge.run)
    return gauge


@pytest.fixture
def holder(direct_dsn: str) -> Iterator[Connection]:
    """A session that has an XID and a snapshot, and has read the table: nothing is vacuumed."""
    with psycopg.connect(direct_dsn) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.execute("select pg_current_xact_id()")
        conn.execute("select count(*) from pgqueue.jobs")
        yield conn


def touched(conn: Connection) -> int:
    """Return how many buffers of the hot table have been asked for so far."""
    conn.execute("select pg_stat_force_next_flush()")
    row = conn.execute(TOUCHED).fetchone()
    assert row is not None
    return int(row[0])


async def drain_decile(source: JobSource, conn: Connection) -> None:
    """Push a tenth of the jobs, and complete them, a batch at a time."""
    for _ in range(DECILE // (10 * BATCH)):
        insert(conn, "audio", 10 * BATCH)
        for _ in range(10):
            wanted = Claim(
                rooms={"audio": BATCH},
                limit=BATCH,
                token=7,
                lease=timedelta(minutes=5),
                worker="test",
            )
            found = await source.claim(wanted)
            assert len(found) == BATCH
            done = [Settlement(Lease(one.id, 7), Done()) for one in found]
            assert len(await source.settle(done)) == BATCH


async def test_an_empty_claim_reads_no_lane_from_its_start_while_that_takes_long(
    direct_dsn: str, conn: Connection, gauge: Gauge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M63: a worker that keeps up finds nothing all the time, and rows that cannot go are read by
    every sweep. One is made when it is due, or when nothing found has to mean nothing there."""
    gauge.on = True
    often = Claim(
        rooms={"audio": 1},
        limit=1,
        token=7,
        lease=timedelta(minutes=5),
        worker="test",
        thorough=False,
    )
    async with Postgres(direct_dsn).source(["audio"], "test") as source:
        monkeypatch.setattr(lanes, "_CHEAP", 0.0)
        insert(conn, "audio")
        assert len(await source.claim(often)) == 1
        monkeypatch.setattr(lanes.Sweep, "due", property(lambda _: False))
        gauge.sweeps, gauge.claims = 0, []
        for _ in range(5):
            assert await source.claim(often) == []
        assert (len(gauge.claims), gauge.sweeps) == (5, 0)
        await source.claim(replace(often, thorough=True))
        assert gauge.sweeps == 1
        monkeypatch.setattr(lanes.Sweep, "due", property(lambda _: True))
        await source.claim(often)
        assert gauge.sweeps == 2


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("holder")
async def test_claims_stay_flat_while_nothing_can_be_vacuumed(
    direct_dsn: str, conn: Connection, gauge: Gauge
) -> None:
    """M63: the last tenth of 200,000 jobs costs its claims what the first one cost."""
    deciles: list[list[int]] = []
    async with Postgres(direct_dsn).source(["audio"], "test") as source:
        for number in range(JOBS // DECILE):
            gauge.on, gauge.claims = number in (0, 9), []
            await drain_decile(source, conn)
            deciles.append(gauge.claims)
    assert gauge.sweeps < len(deciles[0] + deciles[-1])
    assert median(deciles[-1]) <= 1.5 * median(deciles[0])
    # The dead are there all right: what starts at the lane's beginning reads past all of them.
    before = touched(conn)
    conn.execute(sources.CLAIM.text, claim_parameters({"audio": 1}))
    assert touched(conn) - before > 3 * median(deciles[-1])
