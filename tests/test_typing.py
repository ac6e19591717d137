"""The typed API is what both type checkers make of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
API = "tests/typing/api.py"


@pytest.mark.parametrize("file", [API, "tests/typing/letters.py"])
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_take_the_good_uses_and_refuse_the_wrong_ones(
    checker: str, file: str
) -> None:
    """A16, A17, B28: a wrong payload, handler or producer is an error before anything runs."""
    run = subprocess.run(
        [sys.executable, "-m", checker, file], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_wrong_uses_are_errors_without_their_comments(tmp_path: Path) -> None:
    """A16, A17: the check above can fail."""
    lines = (ROOT / API).read_text().splitlines()
    wrong = [n for n, line in enumerate(lines, 1) if "# type: ignore" in line]
    bare = tmp_path / "api.py"
    bare.write_text("\n".join(line.split("  # type: ignore")[0] for line in lines))
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", bare],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    found = {int(line.split(":")[1]) for line in run.stdout.splitlines() if ": error:" in line}
    assert len(wrong) > 15
    assert found == set(wrong)
