"""The queues that pgqueue is measured against, each in an environment of its own.

`python -m tests.bench.peers` makes the environments; a run makes them when they are missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.bench.scene import ROOT, Broken
from tests.integrations.newer import interpreter

HERE = Path(__file__).parent


class Peer(NamedTuple):
    """A queue of others: its adapter, what that is given, and how many jobs are enough.

    The slow ones are given fewer jobs, so that a run ends; all of them run for seconds.
    """

    name: str
    adapter: str
    short: int
    full: int
    options: tuple[str, ...] = ()
    newer: bool = False
    least: float | None = None

    def python(self) -> Path:
        """Return the interpreter of its environment; raise `Broken` when that cannot be made."""
        return environment("peers_newer.txt" if self.newer else "peers.txt")


PEERS = (
    Peer("pgqueuer/psycopg", "pgqueuer", 20_000, 50_000, ("psycopg",), least=8.0),
    Peer("pgqueuer/asyncpg", "pgqueuer", 20_000, 50_000, ("asyncpg",), least=3.0),
    Peer("awa-pg", "awa", 20_000, 50_000, least=5.0),
    Peer("procrastinate", "procrastinate", 1_000, 5_000),
)
OTHERS = (
    Peer("chancy", "chancy", 1_000, 5_000),
    Peer("absurd-sdk", "absurd", 500, 2_000),
    Peer("oban", "oban", 500, 2_000, newer=True),
    Peer("bullmq/postgres", "bullmq", 500, 2_000, newer=True),
)


@cache
def environment(requirements: str) -> Path:
    """Return the Python of the environment with these requirements, made if it is not there."""
    wanted = (HERE / requirements).read_text()
    python = Path(sys.executable)
    if requirements == "peers_newer.txt":
        try:
            python = interpreter()
        except AssertionError as error:
            raise Broken(str(error)) from None
    said = f"{sys.version_info[:2]} {wanted}"
    folder = ROOT / ".bench" / hashlib.sha256(said.encode()).hexdigest()[:12]
    made = folder / "bin" / "python"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = _uv()
        if uv is None:
            _run([python, "-m", "venv", folder])
            _run([made, "-m", "pip", "install", "-q", "-r", HERE / requirements])
        else:
            _run([uv, "venv", "-q", "--python", python, folder])
            _run([uv, "pip", "install", "-q", "--python", made, "-r", HERE / requirements])
        (folder / "whole").touch()
    return made


def _uv() -> str | None:
    near = ROOT / ".uv" / "bin" / "uv"
    return os.environ.get("UV") or shutil.which("uv") or (str(near) if near.exists() else None)


def _run(command: Sequence[str | Path]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Broken(f"could not be installed: {ended.stderr.strip()[-200:]}")


if __name__ == "__main__":
    for listed in ("peers.txt", "peers_newer.txt"):
        try:
            print(f"{listed}: {environment(listed)}")
        except Broken as broken:
            print(f"{listed}: {broken}")
