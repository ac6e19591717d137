"""The database's clock is the only one for stored times."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pgqueue
from tests.drivers.store import Connection

SOURCE = Path(pgqueue.__file__).parent
WALL_CLOCKS = {"time", "now", "utcnow", "today", "time_ns", "localtime", "gmtime"}
MODULES = {"time", "datetime", "date"}

WORKER = """
import asyncio, datetime, sys, time

skew, dsn = float(sys.argv[1]), sys.argv[2]
true_time, true_datetime = time.time, datetime.datetime

class Skewed(true_datetime):
    @classmethod
    def now(cls, tz=None):
        return true_datetime.now(tz) + datetime.timedelta(seconds=skew)

time.time = lambda: true_time() + skew
datetime.datetime = Skewed

from pgqueue import Postgres, Processors, Worker, fixed

processors = Processors()
done = asyncio.Queue()
failed = []

@processors.process("audio", retries=1, backoff=fixed("300ms"))
async def play(payload):
    await done.put(payload)
    if payload == "fails once" and not failed:
        failed.append(payload)
        raise ValueError("once")

async def main():
    pg = Postgres(dsn, lease="2s", heartbeat="500ms")
    worker = Worker(pg, include=[processors])
    task = asyncio.create_task(worker.run())
    async with pg:
        await pg.push("audio", "later", delay="1h")
        await pg.push("audio", "soon", delay="200ms")
        await pg.push("audio", "fails once")
        await pg.push("audio", "in time", expires_in="30m")
        await pg.push("audio", "too late", delay="50ms", expires_in="1ms")
    ran = []
    while len(ran) < 4:
        ran.append(await asyncio.wait_for(done.get(), 20))
    worker.stop()
    await task
    print(sorted(ran))

asyncio.run(main())
"""


@pytest.mark.parametrize("skew", [3600, -3600])
def test_a_worker_whose_clock_is_wrong_is_right(conn: Connection, dsn: str, skew: int) -> None:
    """K11: delays, leases, backoff and expiry hold with a worker an hour off either way."""
    command = [sys.executable, "-c", WORKER, str(skew), dsn]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "['fails once', 'fails once', 'in time', 'soon']"
    states = conn.execute(
        "select state, reason, envelope ->> 'payload', due_at - now() > interval '58 min'"
        " from pgqueue.all_jobs order by id"
    ).fetchall()
    assert states == [
        ("scheduled", None, "later", True),
        ("dead", "expired", "too late", False),
    ]


def test_no_code_of_ours_asks_for_the_wall_clock() -> None:
    """K11: a call such as datetime.now() or time.time() stands nowhere in the package.

    But where this process is the storage itself, and its clock the only one there is.
    """
    guilty = [
        f"{path.name}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        if not {"devserver", "memory", "sync.py", "testing"} & {*path.parts}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in WALL_CLOCKS
        and isinstance(node.value, ast.Name)
        and node.value.id in MODULES
    ]
    assert guilty == []
