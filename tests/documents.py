"""Reads the examples out of the documents, so that they can be run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent

_FILE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def files(document: str) -> dict[str, str]:
    """Return the example files of a document by their names."""
    return dict(_FILE.findall((ROOT / document).read_text()))


def blocks(document: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    found = _BLOCK.findall((ROOT / document).read_text())
    return [text for kind, text in found if kind == language]


def commands(document: str) -> list[list[str]]:
    """Return the pgqueue commands of a document's console blocks, as their arguments."""
    lines = "".join(blocks(document, "console")).splitlines()
    return [_arguments(line) for line in lines if line.startswith("$ pgqueue ")]


def _arguments(line: str) -> list[str]:
    return shlex.split(line.partition("#")[0].removeprefix("$ pgqueue "))


class Folder:
    """A folder with a document's files, in which its commands are run."""

    def __init__(self, path: Path, document: str, dsn: str) -> None:
        self._path = path
        self._environment = os.environ | {"PGQUEUE_DSN": dsn, "PYTHONUNBUFFERED": "1"}
        for name, text in files(document).items():
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_text(text)

    def python(self, name: str, *arguments: str) -> str:
        """Run one of the files, or a module (-m) or code (-c); return what it printed."""
        return self._run([sys.executable, name, *arguments])

    def pgqueue(self, *arguments: str) -> str:
        """Run a pgqueue command; return what it printed."""
        return self._run([sys.executable, "-m", "pgqueue_cli.main", *arguments])

    @contextmanager
    def working(self, target: str) -> Iterator[Callable[[str], None]]:
        """Run `pgqueue work`; gives a function that waits until the worker prints a text."""
        command = [sys.executable, "-m", "pgqueue_cli.main", "work", target]
        output = self._path / "worker.log"
        with output.open("wb") as log:
            worker = subprocess.Popen(
                command, cwd=self._path, env=self._environment, stdout=log, stderr=log
            )
        try:
            yield lambda text: _await(output, text, worker)
            worker.terminate()
            assert worker.wait(60) == 0, output.read_text()
        finally:
            worker.kill()
            worker.wait()

    def _run(self, command: list[str]) -> str:
        ended = subprocess.run(
            command,
            cwd=self._path,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def _await(output: Path, text: str, worker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while text not in output.read_text():
        assert worker.poll() is None, output.read_text()
        assert time.monotonic() < deadline, f"no {text!r} in:\n{output.read_text()}"
        time.sleep(0.02)
