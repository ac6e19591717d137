"""The files to index: the standard library of this Python, and a few that are broken on purpose."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from pgqueue_cli.demo.errors import DemoError

# Not the standard library: what pip and distributions put into its folder.
FOREIGN = {"site-packages", "dist-packages"}
# Its tests: some of them are files that no Python can parse, on purpose.
TESTS = {"test", "tests", "idle_test"}

BROKEN = {
    "bracket.py": "def total(prices):\n    return sum(prices\n",
    "encoding.py": "# -*- coding: klingon -*-\nname = 'Worf'\n",
    "indent.py": "def greet():\n    name = 'Ada'\n        return name\n",
}
MENDABLE = "bracket.py"


def standard_library() -> list[Path]:
    """Return the source files of this Python's standard library, without its own tests."""
    root = Path(sysconfig.get_path("stdlib"))
    found = sorted(
        path
        for path in root.rglob("*.py")
        if path.is_file() and not (FOREIGN | TESTS) & set(path.relative_to(root).parts[:-1])
    )
    if not found:
        raise DemoError(
            f"no source file of the standard library is in {root}; "
            "run the demo with a Python that is installed with its sources"
        )
    return found


def write_broken(folder: Path) -> list[Path]:
    """Write files that cannot be parsed, and return where they are."""
    paths = [folder / name for name in BROKEN]
    for path in paths:
        path.write_text(BROKEN[path.name])
    return paths


def mend(path: Path) -> None:
    """Close the bracket that was left open."""
    path.write_text(BROKEN[MENDABLE].replace("prices\n", "prices)\n"))
