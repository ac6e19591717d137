"""The driver that the document shows passes the suite, and one with a hole in it does not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.test_drivers import TestMemory as MemorySuite
from tests.conformance.test_drivers import TestPostgres as PostgresSuite
from tests.conformance.test_drivers import TestSync as SyncSuite
from tests.documents import ROOT, files

FILES = files("docs/writing-a-driver.md")

HOLES = [
    ("if job and job.token == lease.token else None", "", "lost_its_lease"),
    ("if self.visible[job.id] <= now", "", "leased_job"),
    ("due.sort(key=lambda job: (job.priority, job.id))", "due.reverse()", "order"),
    ("min(room, claim.limit - len(found))", "claim.limit - len(found)", "room"),
    ("attempt=job.attempt - 1", "attempt=job.attempt", "release"),
    ("seam.seal_json(queue, payload, self.config)", '\'{"v": 1, "payload": 1}\'', "payload"),
    ("seam.read_options(queue, options", "seam.read_options(queue, {}", "option"),
]


def suite(folder: Path, toy: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the document's test of a toy driver."""
    for name, text in (FILES | {"toy.py": toy}).items():
        (folder / name).write_text(text)
    options = ["-q", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *arguments, str(folder)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_documents_driver_passes(tmp_path: Path) -> None:
    """B02: every test of the suite, and none of them left out."""
    ran = suite(tmp_path, FILES["toy.py"])
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout
    assert "skipped" not in ran.stdout


@pytest.mark.parametrize(("sound", "broken", "tests"), HOLES, ids=[tests for *_, tests in HOLES])
def test_a_driver_with_a_hole_in_it_fails(
    tmp_path: Path, sound: str, broken: str, tests: str
) -> None:
    """B02: without its fence, order or room a driver does not get through."""
    toy = FILES["toy.py"]
    assert toy.count(sound) == 1
    ran = suite(tmp_path, toy.replace(sound, broken), "-x", "-k", tests)
    assert ran.returncode == 1, ran.stdout
    assert "1 failed" in ran.stdout


@pytest.mark.parametrize("kind", [MemorySuite, PostgresSuite, SyncSuite])
def test_our_own_drivers_change_nothing_of_the_suite(kind: type) -> None:
    """B02, B33, B34: memory, postgres and sync bring the driver, and every test runs as published.

    So retries, leases that lapse and dead letters are the same in all that store jobs.
    """
    own = {name for name in vars(kind) if not name.startswith("__")}
    assert own == {"driver"}


def test_the_toy_needs_the_seam_and_nothing_else() -> None:
    """B01: a third party's driver imports the standard library and the seam."""
    found = {each for each in _imported(ast.parse(FILES["toy.py"])) if not _is_standard(each)}
    assert found == {"pgqueue.seam"}


def test_the_seam_names_no_storage() -> None:
    """B01: nothing that it imports, however far away, is more than the standard library."""
    seen: set[str] = set()
    ahead = ["pgqueue.seam"]
    while ahead:
        module = ahead.pop()
        if module in seen or _is_standard(module):
            continue
        assert module.startswith("pgqueue."), f"the seam needs {module}"
        seen.add(module)
        path = ROOT / f"{module.replace('.', '/')}.py"
        ahead += _imported(ast.parse(path.read_text()))
    assert {"pgqueue.seam", "pgqueue.outcome", "pgqueue.sealing"} <= seen
    assert not {one for one in seen if one.startswith(("pgqueue.drivers", "pgqueue.worker"))}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "pgqueue":
            yield from (f"pgqueue.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
