"""The pytest plugin, in runs of pytest of its own, as applications have them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from tests.documents import ROOT, files

PLUGIN = "pgqueue.testing.plugin"


def pytest_run(
    folder: Path, tests: dict[str, str], *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest on some files, with this plugin and no other."""
    for name, text in tests.items():
        (folder / name).write_text(text)
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PGQUEUE_", "PG"))
    } | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables}
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def developer(server: psycopg.Connection[Any], server_dsn: str) -> Iterator[tuple[str, str]]:
    """The name and the connection string of somebody who may create databases, and no more."""
    name, password = f"developer_{secrets.token_hex(4)}", secrets.token_hex(8)
    role = Identifier(name)
    server.execute(SQL("create role {} login createdb password {}").format(role, Literal(password)))
    yield name, make_conninfo(server_dsn, user=name, password=password)
    server.execute(SQL("drop role {}").format(role))


def owned(server: psycopg.Connection[Any], role: str) -> list[Any]:
    query = "select datname from pg_database where datdba = %s::text::regrole"
    return server.execute(query, [role]).fetchall()


def test_the_tests_of_the_document_pass(
    server: psycopg.Connection[Any], developer: tuple[str, str], tmp_path: Path
) -> None:
    """A23: as an application has them; and every database that they needed is gone afterwards."""
    name, dsn = developer
    tests = files("docs/testing-your-jobs.md")
    assert sum(one.startswith("test_") for one in tests) == 3
    run = pytest_run(tmp_path, tests, PGQUEUE_TEST_DSN=dsn)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 passed" in run.stdout
    assert owned(server, name) == []


STARTED = """
import asyncio, os

def test_a_queue_of_its_own(pgq):
    assert os.environ["PGQUEUE_DSN"] == pgq.dsn
    pgq.driver.push("audio", 1, on=pgq.conn)

def test_nothing_is_left_of_the_test_before(pgq):
    assert pgq.pushed("audio") == []
"""


def test_without_a_server_it_brings_one(tmp_path: Path) -> None:
    """C22: nothing has to be set up, and each test has a queue of its own."""
    run = pytest_run(tmp_path, {"test_it.py": STARTED})
    assert "2 passed" in run.stdout, run.stdout + run.stderr


OVERRIDDEN = """
import os, pytest

@pytest.fixture(scope="session")
def pgqueue_dsn():
    return os.environ["MY_DSN"]

def test_it(pgq):
    assert pgq.conn.execute("select current_user").fetchone()
"""


def test_the_server_can_be_named_by_a_fixture(server_dsn: str, tmp_path: Path) -> None:
    run = pytest_run(tmp_path, {"test_it.py": OVERRIDDEN}, MY_DSN=server_dsn)
    assert "1 passed" in run.stdout, run.stdout + run.stderr


BROKEN = """
import pytest

@pytest.fixture(scope="session")
def pgqueue_prepare():
    def prepare(dsn):
        raise RuntimeError("no such table")
    return prepare

def test_it(pgq): ...
"""


def test_a_template_that_cannot_be_prepared_is_dropped_and_the_reason_shown(
    server: psycopg.Connection[Any], developer: tuple[str, str], tmp_path: Path
) -> None:
    name, dsn = developer
    run = pytest_run(tmp_path, {"test_it.py": BROKEN}, PGQUEUE_TEST_DSN=dsn)
    assert run.returncode == 1
    assert "RuntimeError: no such table" in run.stdout
    assert owned(server, name) == []


def test_a_run_that_does_not_ask_for_it_loads_no_part_of_the_queue(tmp_path: Path) -> None:
    """A29: the plugin is loaded by every run of pytest in an environment that has the package."""
    test = (
        "import sys\n"
        "def test_lean():\n"
        "    wanted = ('psycopg', 'alembic', 'pgqueue.worker', 'pgqueue.drivers.postgres')\n"
        "    assert not [name for name in wanted if name in sys.modules]\n"
    )
    run = pytest_run(tmp_path, {"test_it.py": test})
    assert "1 passed" in run.stdout, run.stdout + run.stderr


def test_the_distribution_names_the_plugin() -> None:
    """K16: pytest finds it once the package is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"pgqueue": PLUGIN}
    assert import_module(PLUGIN).pgq
