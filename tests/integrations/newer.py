"""An environment with a newer Python, Django and an older SQLAlchemy, made once and kept.

The frameworks of the project's own environment are those for its oldest Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.documents import ROOT

WANTED = (
    "alembic",
    "asyncpg",
    "django>=6.1,<6.2",
    "greenlet",
    "msgspec",
    "psycopg-pool",
    "psycopg[binary]",
    "psycopg2-binary",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "sqlalchemy>=2.0,<2.1",
    "uvloop",
)
_OURS = re.compile(r"^(django|sqlalchemy)\b", re.IGNORECASE)
_FITS = "import sys, venv, ensurepip, sqlite3; sys.exit(sys.version_info < (3, 12))"
_NAME = re.compile(r"python3(\.\d+)?")


class Environment(NamedTuple):
    """Its interpreter, and the folder with the package `tasks` of Django's own tests."""

    python: Path
    suite: Path

    def pytest(self, *arguments: str, dsn: str) -> str:
        """Run tests of this checkout in it, on a server that is there; return what it printed."""
        folders = (ROOT, ROOT / "cli", ROOT / "migrations", self.suite)
        variables = {
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PGQUEUE_TEST_SERVER": "dsn",
            "PGQUEUE_TEST_DSN": dsn,
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        }
        options = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
        ended = subprocess.run(
            [self.python, *options, *arguments],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        printed: str = ended.stdout
        assert ended.returncode == 0, printed[-8000:]
        return printed


def environment() -> Environment:
    """Return the environment, made if it is not there; whoever makes it lets others wait."""
    constraints = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line[:1].isalnum() and not _OURS.match(line)
    ]
    said = "\n".join([*WANTED, *constraints])
    folder = ROOT / ".venv" / f"newer-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    made = Environment(folder / "bin" / "python", folder / "suite")
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "newer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.suite.exists():
            _make(folder, made, constraints)
    return made


def _make(folder: Path, made: Environment, constraints: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run(interpreter(), "-m", "venv", folder)
    listed = folder / "constraints.txt"
    listed.write_text("\n".join(constraints))
    pip = (made.python, "-m", "pip", "-q", "--disable-pip-version-check")
    _run(*pip, "install", "--constraint", listed, *WANTED)
    version = _run(made.python, "-c", "import django; print(django.__version__)").strip()
    _run(*pip, "download", "--no-deps", "--no-binary=:all:", "-d", folder, f"django=={version}")
    [source] = folder.glob("[dD]jango-*.tar.gz")
    draft = folder / "draft"
    with tarfile.open(source) as archive:
        for member in archive.getmembers():
            _, _, path = member.name.partition("/tests/")
            if path.startswith("tasks/") and member.isfile():
                member.name = path
                archive.extract(member, draft, filter="data")
    source.unlink()
    # Renamed only when whole: whoever finds it has everything.
    draft.rename(made.suite)


def interpreter() -> Path:
    """Find a Python of 3.12 or later: on the path, or where version managers put theirs."""
    for found in _interpreters():
        fits = subprocess.run([found, "-c", _FITS], capture_output=True, check=False)
        if fits.returncode == 0:
            return found
    raise AssertionError(
        "no Python of 3.12 or later was found, which Django 6.1 needs: put one on PATH "
        "(apt, pyenv install 3.13, or uv python install 3.13)"
    )


def _interpreters() -> Iterator[Path]:
    folders = [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one]
    home = Path.home()
    folders += sorted(home.glob(".pyenv/versions/3.*/bin"))
    folders += sorted(home.glob(".local/share/uv/python/*/bin"))
    for folder in folders:
        if folder.is_dir():
            yield from (one for one in sorted(folder.iterdir()) if _NAME.fullmatch(one.name))


def _run(*command: str | Path) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command[:4]}: {ended.stderr[-2000:]}"
    return ended.stdout
