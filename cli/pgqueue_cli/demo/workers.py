"""Two real `pgqueue work` processes, and the death of one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pgqueue_cli.demo.errors import DemoError

COMMAND = ("work", "pgqueue_cli.demo.app:worker", "--concurrency", "4")
# Short, so that nobody waits a minute to see what becomes of a dead worker's jobs.
SETTINGS = {"PGQUEUE_LEASE": "2s", "PGQUEUE_HEARTBEAT": "400ms"}
PATIENCE = 20.0


class WorkerProcess:
    """A `pgqueue work` of our own, with its log in a file."""

    def __init__(self, dsn: str, folder: Path, name: str) -> None:
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "pgqueue_cli.main", *COMMAND],
                cwd=folder,
                env=_environment(dsn),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """The process id; it is part of the worker's label."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the process has ended, a signal as a negative number; None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Raise DemoError if the process has ended by itself."""
        if (code := self.exit_code) is not None:
            raise DemoError(f"worker {self.pid} ended with exit code {code}; {self._last_words()}")

    def freeze(self) -> None:
        """Stop the process where it stands."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process with SIGKILL: it cannot write, release or say anything."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask the process to drain, and wait until it has."""
        self._process.terminate()
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            raise DemoError(f"worker {self.pid} did not drain ({code}); {self._last_words()}")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"its log ends with: {lines[-1]}" if lines else "its log is empty"


@contextmanager
def two_workers(dsn: str, folder: Path) -> Iterator[tuple[WorkerProcess, WorkerProcess]]:
    """Start two workers; however the block ends, they are gone afterwards."""
    with ExitStack() as stack:
        first = WorkerProcess(dsn, folder, "worker-1")
        stack.callback(first.kill)
        second = WorkerProcess(dsn, folder, "worker-2")
        stack.callback(second.kill)
        yield first, second


def dead_list(dsn: str) -> str:
    """Return what `pgqueue dead list` prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "pgqueue_cli.main", "dead", "list"],
        env=_environment(dsn),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise DemoError(f"pgqueue dead list ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


def _environment(dsn: str) -> dict[str, str]:
    """The user's environment, without their own database and settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PG") and name != "DATABASE_URL"
    }
    return {**kept, **SETTINGS, "PGQUEUE_DSN": dsn}
