"""The rules of the source tree hold, and each of them is known to fail when broken."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from tests.shape import complaints

ROOT = Path(__file__).parent.parent


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_tree_keeps_its_rules() -> None:
    files = tracked_files()
    assert any(file.name == "runner.py" for file in files)
    found = []
    for file in files:
        path = PurePosixPath(file.relative_to(ROOT).as_posix())
        found += complaints(path, file.read_text(errors="replace"))
    assert found == []


def test_half_of_the_files_have_a_hundred_lines_at_most() -> None:
    lengths = sorted(
        len(file.read_text().splitlines()) for file in tracked_files() if file.suffix == ".py"
    )
    assert lengths[len(lengths) // 2] <= 100


LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 40
DOCUMENTED = 'def f():\n    """A.\n' + "    b\n" * 40 + '    """\n    x = 1\n'
CONSTRUCTOR = "class A:\n    def __init__(self, {}): ...\n"
SQL = "pgqueue/drivers/postgres/sql/x.sql"


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("pgqueue/queue.py", "import psycopg", "psycopg may be imported"),
        ("pgqueue/worker/a.py", "def f():\n    import psycopg", "psycopg may be imported"),
        ("pgqueue/devserver/a.py", "import psycopg", "psycopg may be imported"),
        ("pgqueue/drivers/memory.py", "import psycopg.rows", "psycopg may be imported"),
        ("pgqueue/queue.py", "import asyncio", "asyncio may be imported"),
        ("pgqueue/devserver/a.py", "import rich.table", "rich may be imported"),
        ("pgqueue/worker/a.py", "from typer import Typer", "typer may be imported"),
        ("cli/pgqueue_cli/a.py", "import alembic", "alembic may be imported"),
        ("pgqueue/drivers/postgres/a.py", "import sqlalchemy as sa", "sqlalchemy may be"),
        ("pgqueue/worker/a.py", "from opentelemetry import trace", "opentelemetry may be"),
        ("pgqueue/testing/a.py", "from django.db import x", "django may be imported"),
        ("pgqueue/queue.py", "from pgqueue.drivers import x", "level 0 imports"),
        ("pgqueue/queue.py", "from pgqueue import worker", "level 0 imports"),
        ("pgqueue/queue.py", "import pydantic", "level 0 imports"),
        ("pgqueue/queue.py", "from . import job", "level 0 imports"),
        ("pgqueue/drivers/memory.py", "from pgqueue.worker import Worker", "drivers import"),
        ("pgqueue/drivers/memory.py", "import pgqueue_migrations", "drivers import"),
        ("pgqueue/worker/a.py", "from pgqueue import drivers", "never a driver"),
        ("pgqueue/worker/__init__.py", "import pgqueue.drivers.memory", "never a driver"),
        ("pgqueue/worker/keeper.py", "from pgqueue.worker.runner import Runner", "handed to"),
        ("pgqueue/worker/keeper.py", "from pgqueue.worker import runner", "handed to"),
        ("pgqueue/worker/keeper.py", "from pgqueue.worker import Worker", "handed to"),
        ("pgqueue/testing/a.py", "import pgqueue_cli.main", "neither its faces"),
        ("pgqueue/testing/a.py", "import pgqueue_migrations", "in functions"),
        ("pgqueue/devserver/a.py", "def f():\n    import pgqueue_migrations", "nor its migrations"),
        ("migrations/pgqueue_migrations/a.py", "from pgqueue import Queue", "nothing from"),
        ("migrations/pgqueue_migrations/a.py", "import pgqueue.errors", "nothing from"),
        ("pgqueue/utils.py", "", "says nothing"),
        ("pgqueue/common/x.py", "", "says nothing"),
        ("tests/helpers.py", "", "says nothing"),
        ("pgqueue/a.py", "from typing import x\nif x.TYPE_CHECKING: pass", "hides a cycle"),
        ("cli/a.py", "if TYPE_CHECKING: pass", "hides a cycle"),
        ("tests/a.py", "x = 1\n" * 301, "more than 300 lines"),
        ("tests/a.py", LONG_FUNCTION, "more than 40 lines"),
        ("pgqueue/a.py", CONSTRUCTOR.format("a, b, c, d, *, e, f, g, h, i"), "8 parameters"),
        ("migrations/x.sql", "delete from a RETURNING *", "changes with the table"),
        (SQL, "-- A.\ndelete from a returning job.*", "changes with the table"),
        (SQL, "select 1", "its promise"),
        (SQL, "-- A.\nselect 1; select 2", "one statement"),
        (SQL, "-- A.\n", "one statement"),
        ("README.md", "see " + "/".join(["", "home", "me", "x"]), "one machine"),
        ("Makefile", "cd " + "/".join(["", "tmp", "x"]), "one machine"),
        ("a.toml", "https://" + ".".join(["pypi", "org"]) + "/simple", "package registry"),
        ("a.txt", "--index" + "-url x", "package registry"),
    ],
)
def test_a_broken_rule_is_found(path: str, text: str, reason: str) -> None:
    assert any(reason in found for found in complaints(PurePosixPath(path), text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pgqueue/queue.py", "import msgspec, json\nfrom pgqueue.errors import PgqueueError"),
        ("pgqueue/__init__.py", "if TYPE_CHECKING:\n    from pgqueue.worker import Worker"),
        ("pgqueue/devserver/a.py", "def f():\n    import psycopg"),
        ("pgqueue/testing/a.py", "def f():\n    import pgqueue_migrations"),
        ("pgqueue/drivers/postgres/a.py", "import psycopg, asyncio\nimport pgqueue.drivers.x"),
        ("pgqueue/worker/a.py", "import asyncio\nfrom pgqueue.worker.slots import Slots"),
        ("pgqueue/worker/__init__.py", "from pgqueue.worker.runner import Runner"),
        (
            "cli/pgqueue_cli/a.py",
            "import typer, rich, pgqueue.drivers.postgres, pgqueue_migrations",
        ),
        ("migrations/pgqueue_migrations/a.py", "import alembic, psycopg, pgqueue_migrations.b"),
        ("pgqueue/a.py", DOCUMENTED),
        ("pgqueue/a.py", CONSTRUCTOR.format("a, b, c, d, *, e, f, g, h")),
        ("tests/a.py", "import sqlalchemy, psycopg, asyncio"),
        (SQL, "-- A; b.\nselect ';', $$ a; b $$;\n"),
        ("README.md", "https://example.org/home/me and ~/work/x"),
    ],
)
def test_what_the_rules_allow_is_not_complained_about(path: str, text: str) -> None:
    assert complaints(PurePosixPath(path), text) == []
