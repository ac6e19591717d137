"""The wall clock of a worker decides nothing: the database's does."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from pgqueue import Postgres
from tests.chaos.apps.ordinary import FAILING, GATED, QUICK
from tests.chaos.clocks import skewed, step, stepping
from tests.chaos.ledger import Ledger
from tests.chaos.workers import LEASE, Workers
from tests.worker.running import Connection, census, drained, eventually, one

OFFSETS = ["+1h", "-1h"]
EXTENDED = "select count(*) >= %s from extensions where job = %s"
COUNTED = """
create table extensions (job bigint);
create function count_extension() returns trigger language plpgsql as $$
begin
  insert into extensions values (new.id);
  return null;
end $$;
create trigger counted after update of visible_at on pgqueue.jobs
for each row when (old.lease = new.lease) execute function count_extension()"""


def wall_clock(**environment: str) -> datetime:
    """The time that a process believes that it is."""
    program = "import time; print(time.time())"
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    return datetime.fromtimestamp(float(printed.stdout), UTC)


async def extended(conn: Connection, job: int, *, times: int) -> None:
    """Wait until a job's lease was extended so often."""
    await eventually(lambda: one(conn, EXTENDED, times, job), True)


def test_such_a_clock_is_really_off(tmp_path: Path) -> None:
    now, moment = datetime.now(UTC), timedelta(minutes=5)
    assert abs(wall_clock(**skewed("+1h")) - now - timedelta(hours=1)) < moment
    step(tmp_path / "clock", "-2h")
    assert abs(wall_clock(**stepping(tmp_path / "clock")) - now + timedelta(hours=2)) < moment


@pytest.mark.parametrize("offset", OFFSETS)
async def test_delays_backoffs_and_expiry_are_right(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, offset: str
) -> None:
    """K11, P9, M46: due neither an hour early nor an hour late, and neither is an expiry."""
    worker = await workers.serving(**skewed(offset))
    expired = pg.push(QUICK, 0, delay="1s", expires_in="500ms", on=conn)
    lasting = pg.push(QUICK, 0, delay="1s", expires_in="10m", on=conn)
    failing = pg.push(FAILING, 0, on=conn)
    pushed = monotonic()
    delayed = pg.push(QUICK, 0, delay="2s", on=conn)
    await ledger.until("end", 2)
    # As the handler saw it: nothing that makes it later can make this wrong.
    [start] = [entry.at for entry in ledger.entries("start") if entry.job == delayed]
    assert start - pushed >= 2
    await eventually(lambda: census(conn), {"dead": 2})
    assert ledger.runs() == {lasting: 1, delayed: 1, failing: 3}
    assert one(conn, "select id from pgqueue.dead_jobs where reason = 'expired'") == expired
    assert await worker.stopped() == 0


@pytest.mark.parametrize("offset", OFFSETS)
async def test_leases_are_right_between_clocks_that_differ(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, offset: str
) -> None:
    """K11, P3, P9, M46, A04: neither takes what the other one holds, and both extend theirs."""
    conn.execute(COUNTED)
    right = await workers.serving("--concurrency", "1")
    pg.push(GATED, 0, on=conn)
    await ledger.until("start", pid=right.pid)
    wrong = await workers.serving("--concurrency", "1", **skewed(offset))
    pg.push(GATED, 0, on=conn)
    await ledger.until("start", pid=wrong.pid)
    await extended(conn, 1, times=3)
    await extended(conn, 2, times=3)
    ledger.open()
    await drained(conn)
    assert ledger.attempts() == {1: [1], 2: [1]}


async def test_the_lease_of_a_killed_worker_lapses_in_its_time(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """K11, P6, P9, M46: by the server's clock, and not by the killed one's or its heir's."""
    pg.push(GATED, 0, on=conn)
    killed = await workers.serving(**skewed("+1h"))
    await ledger.until("start")
    await killed.killed()
    seen = monotonic()
    left = one(conn, "select extract(epoch from visible_at - now())::float8 from pgqueue.jobs")
    assert left <= LEASE
    ledger.open()
    await workers.serving(**skewed("-1h"))
    await drained(conn)
    assert ledger.entries("start")[1].at >= seen + left
    assert ledger.attempts() == {1: [1, 2]}


async def test_a_clock_that_steps_changes_nothing(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger, tmp_path: Path
) -> None:
    """K11, P9, M47: two hours back and three forward, while jobs run, wait and retry."""
    clock = tmp_path / "clock"
    step(clock, "+0h")
    conn.execute(COUNTED)
    worker = await workers.serving(**stepping(clock))
    other = await workers.serving()
    pg.push(GATED, 0, on=conn)
    await ledger.until("start")
    for number, offset in enumerate(["-2h", "+1h", "-30m"]):
        step(clock, offset)
        pushed = monotonic()
        job = pg.push(QUICK, 0, delay="1s", on=conn)
        await ledger.until("end", number + 1)
        [start] = [one.at for one in ledger.entries("start") if one.job == job]
        assert start - pushed >= 1
        await extended(conn, 1, times=number + 1)
    ledger.open()
    await drained(conn)
    assert set(ledger.runs().values()) == {1}
    assert [await worker.stopped(), await other.stopped()] == [0, 0]
