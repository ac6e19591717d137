"""A process forks: connections, locks and signals of the parent are not the child's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.worker.processes import ROOT, SETTINGS, Process
from tests.worker.running import Connection, census, eventually, one

PUSHED = "select queue, count(*) from pgqueue.jobs group by queue order by queue"


@contextmanager
def forking(dsn: str, *what: str) -> Iterator[Process]:
    """Run one of the processes beside the block."""
    environment = os.environ | SETTINGS | {"PGQUEUE_DSN": dsn, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.worker.forking", *what]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as started:
        try:
            yield started
        finally:
            started.kill()


def test_an_application_that_pushed_before_it_forked_pushes_after_it(
    dsn: str, conn: Connection
) -> None:
    """M17: both sides, twice; the parent's connection is not the child's."""
    with forking(dsn, "preload") as started:
        assert started.wait(60) == 0
    assert conn.execute(PUSHED).fetchall() == [("child", 2), ("parent", 3)]
    assert one(conn, "select count(distinct envelope -> 'payload') from pgqueue.jobs") == 3


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_a_handler_may_fork(dsn: str, conn: Connection, loop: str) -> None:
    """M17: on the loop and in a thread; the worker's own connections go on as they were."""
    with forking(dsn, "handler", loop) as started:
        for queue in ("loop", "thread", "ended") * 2:
            conn.execute("select pgqueue.push(%s, '1')", [queue])
        pushed = [("child", 2), ("parent", 4)]
        await eventually(lambda: conn.execute(PUSHED).fetchall(), pushed)
        assert census(conn) == {"ready": 6}
        assert started.poll() is None
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
