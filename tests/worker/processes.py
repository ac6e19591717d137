"""Starts workers and producers as processes of their own, and ends every one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "PGQUEUE_LEASE": "1s",
    "PGQUEUE_HEARTBEAT": "200ms",
    "PGQUEUE_POLL_INTERVAL": "200ms",
    "PGQUEUE_CONNECT_TIMEOUT": "10s",
    "PGQUEUE_SHUTDOWN_TIMEOUT": "5s",
}

Process = subprocess.Popen[bytes]


@contextmanager
def process(dsn: str, *arguments: str, start_new_session: bool = False) -> Iterator[Process]:
    """Run a process beside the block; it is killed if the block leaves it running."""
    # The connection string carries a password, so it is not an argument.
    environment = os.environ | SETTINGS | {"PGQUEUE_DSN": dsn, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.worker.process", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=start_new_session
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def worker(dsn: str, concurrency: int = 10) -> Iterator[Process]:
    """Run a worker of the feature module beside the block."""
    with process(dsn, "worker", str(concurrency)) as started:
        yield started
