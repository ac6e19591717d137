"""The worker of a benchmark: `pgqueue work`, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pgqueue.config import Config
from pgqueue.errors import PgqueueError

_PATIENCE = 15.0
# Other settings of the environment stay in force: it is this application's pgqueue.
_COMMAND = ("-m", "pgqueue_cli.main", "work", "pgqueue_cli.bench.handlers:processors")


class Working:
    """A worker under way, and what its handlers tell."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def told(self) -> Mapping[str, Any]:
        """Wait for the next thing that a handler tells."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise PgqueueError(f"the benchmark's worker ended with {code}; see what it logged")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def working(config: Config, concurrency: int) -> Iterator[Working]:
    """Run a worker on the schema; it does not outlive the block."""
    # By the environment, where no other user of the machine reads the password.
    given = {
        "PGQUEUE_SCHEMA": config.schema,
        "PGQUEUE_DSN": config.dsn,
        "PGQUEUE_LISTEN_DSN": config.listen_dsn,
    }
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, *_COMMAND, "-c", str(concurrency), "--log-level", "warning"],
        env={**os.environ, **{name: value for name, value in given.items() if value}},
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for us: we end the worker, and then drop its schema.
        start_new_session=True,
    )
    try:
        yield Working(process)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
