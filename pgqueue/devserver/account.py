"""Who the server runs as: ourselves, or nobody when we are root, which PostgreSQL refuses to be."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

NOBODY = 65534


def is_root() -> bool:
    """Whether the server has to change its user."""
    return os.geteuid() == 0


def owner() -> int:
    """The user id that the server and its files have."""
    return NOBODY if is_root() else os.geteuid()


def give(path: Path) -> None:
    """Hand a file or folder that we made to the server's user."""
    if is_root():
        os.chown(path, NOBODY, NOBODY)


def can_reach(folder: Path) -> bool:
    """Whether the server's user may enter every folder above this one."""
    if not is_root():
        return True
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.resolve().parents)


def spawn(
    command: Sequence[str | Path], *, folder: Path, output: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a PostgreSQL program as the server's user, in a session of its own.

    A Ctrl-C in the terminal then reaches us alone, and we stop the server when we are done with it.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return subprocess.Popen(  # noqa: S603 - the programs that find_binaries chose
        command,
        cwd=folder,
        env={**environment, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=NOBODY if is_root() else None,
        group=NOBODY if is_root() else None,
        extra_groups=[] if is_root() else None,
    )


def run(command: Sequence[str | Path], *, folder: Path) -> tuple[int, str]:
    """Run a PostgreSQL program to its end; returns its exit code and what it printed."""
    with spawn(command, folder=folder, output=subprocess.PIPE) as process:
        printed, _ = process.communicate()
    return process.returncode, printed.decode(errors="replace").strip()
