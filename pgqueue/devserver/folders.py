"""The folders of throwaway servers: in memory when there is room, and swept when left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgqueue.devserver import account, aftermath
from pgqueue.devserver.cluster import Cluster
from pgqueue.devserver.errors import DevServerError

PREFIX = "pgqueue-dev-"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the name the kernel gives it
ROOM = 2 * 1024**3


def new_folder() -> tuple[Path, int]:
    """A folder for one throwaway server, and the lock that says it is in use."""
    draft = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=_place()))
    account.give(draft)
    # Locked before it gets the name that a sweep looks for.
    lock = os.open(draft / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return draft.rename(draft.with_name(draft.name[1:])), lock


def lasting_folder() -> Path:
    """Where a persistent server lives when nobody chose: root's home is closed to the server."""
    if account.is_root():
        return Path("/var/lib/pgqueue")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "pgqueue")


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make a lasting folder ready, and keep others from starting or stopping its server."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not account.can_reach(folder):
        raise DevServerError(
            f"PostgreSQL must not run as root, and user id {account.NOBODY} cannot enter the "
            f"folders above {folder}; choose a folder that everybody may reach, "
            "such as one below /var/lib."
        )
    account.give(folder)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def sweep() -> None:
    """Remove what throwaway servers left behind whose owner and watchdog were both killed."""
    for place in {IN_MEMORY, Path(tempfile.gettempdir())}:
        for folder in place.glob(f"{PREFIX}*"):
            _remove_if_abandoned(folder)


def _place() -> Path:
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
        return IN_MEMORY
    return Path(tempfile.gettempdir())


def _remove_if_abandoned(folder: Path) -> None:
    try:
        if folder.is_symlink() or folder.stat().st_uid != account.owner():
            return
        lock = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return  # Removed meanwhile, or not ours.
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        _stop_survivor(Cluster(folder))
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _stop_survivor(cluster: Cluster) -> None:
    found = cluster.postmaster()
    if found and cluster.answers(found.port):
        aftermath.stop(found.pid, cluster.data / "postmaster.pid", "remove")
