"""The installed `pgqueue` command, run as its users run it: as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

PROGRAM = Path(sysconfig.get_path("scripts"), "pgqueue")
DEADLINE = 60.0


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The single line on standard error."""
        (line,) = self.err.splitlines()
        return line

    @property
    def objects(self) -> list[Any]:
        """The JSON Lines on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A command under way; its output is read line by line, and ends at the deadline."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, text: str) -> str:
        """Wait for a line with this text."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"no {text!r} in:\n" + "\n".join(self.lines))

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait()


@dataclass
class Shell:
    """A folder, an environment, and a password that no command may print."""

    folder: Path
    dsn: str
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, stdin: str = "", **variables: str) -> Result:
        """Run a command to its end."""
        ended = subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            env=self._environment(variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        self._keeps_the_secret(ended.stdout + ended.stderr)
        return Result(ended.returncode, ended.stdout, ended.stderr)

    @contextmanager
    def running(self, *words: str, **variables: str) -> Iterator[Running]:
        """Start a command, with both of its outputs in one; it does not outlive the block."""
        process = subprocess.Popen(
            [PROGRAM, *words],
            cwd=self.folder,
            env=self._environment(variables) | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = threading.Timer(DEADLINE, process.kill)
        deadline.start()
        running = Running(process)
        try:
            yield running
        finally:
            deadline.cancel()
            process.kill()
            running.end()
            self._keeps_the_secret("\n".join(running.lines))

    def write(self, name: str, text: str) -> None:
        """Put a file into the folder."""
        (self.folder / name).write_text(text)

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PG") and name != "DATABASE_URL"
        }
        given = {"PGQUEUE_DSN": self.dsn, **self.variables, **variables}
        return inherited | {name: value for name, value in given.items() if value}

    def _keeps_the_secret(self, printed: str) -> None:
        password = conninfo_to_dict(self.dsn).get("password") if self.dsn else None
        assert not password or str(password) not in printed, "the password was printed"
        assert "canary" not in printed, "a secret was printed"
