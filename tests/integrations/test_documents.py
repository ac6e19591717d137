"""What docs/integrations.md shows is run here, as it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.documents import Folder, blocks

DOCUMENT = "docs/integrations.md"
Connection = psycopg.Connection[Any]

ASKS = {
    "web": """
from fastapi.testclient import TestClient
from web import app
with TestClient(app) as client:
    print(*(client.post(f"/users/{name}").status_code for name in ("ada", "nobody")))
""",
    "flask_app": """
from flask_app import app, pool
client = app.test_client()
print(*(client.post(f"/users/{name}").status_code for name in ("ada", "nobody")))
pool.close()
""",
}


@pytest.fixture
def folder(tmp_path: Path, dsn: str, conn: Connection) -> Folder:
    """The document's files; its users have a table."""
    conn.execute("create table users (name text primary key)")
    return Folder(tmp_path, DOCUMENT, dsn)


def kept(conn: Connection) -> tuple[list[Any], list[Any]]:
    jobs = conn.execute("select queue, envelope -> 'payload' ->> 'user' from pgqueue.jobs")
    return conn.execute("select name from users").fetchall(), jobs.fetchall()


@pytest.mark.parametrize("example", ["script.py", "orm.py", "async_orm.py"])
def test_a_program_pushes_with_its_data(folder: Folder, conn: Connection, example: str) -> None:
    """K02, A15: whom it refuses gets no job."""
    assert folder.python(example) == "nobody was refused\n"
    assert kept(conn) == ([("ada",)], [("mails", "ada")])


@pytest.mark.parametrize("app", ASKS)
def test_a_request_pushes_with_its_data(folder: Folder, conn: Connection, app: str) -> None:
    """K02, A15: in FastAPI and in Flask; what the request raises takes the job back."""
    assert folder.python("-c", ASKS[app]).strip() == "200 422"
    assert kept(conn) == ([("ada",)], [("mails", "ada")])


def test_the_worker_of_the_examples_runs(folder: Folder) -> None:
    folder.pgqueue("push", "mails", '{"user": "ada"}')
    with folder.working("jobs:worker") as until:
        until("welcome ada")


# What `python -m django` does, with what it prints in one stream.
MANAGE = """
import sys
from django.core.management import execute_from_command_line
sys.stderr = sys.stdout
execute_from_command_line(["django", *sys.argv[1:]])
"""
REQUESTS = """
import shop_worker
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
client = Client()
print(*(client.post(f"/users/{name}").status_code for name in ("ada", "nobody")))
"""


def test_django_migrates_tests_pushes_and_works(
    empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K02, A15: its tests pass in a database of their own, its worker runs both kinds of jobs."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "settings")
    folder = Folder(tmp_path, DOCUMENT, empty_dsn)
    lines = "".join(blocks(DOCUMENT, "console")).splitlines()
    commands = [line.split()[4:] for line in lines if line.startswith("$ python -m django ")]
    assert [one[0] for one in commands] == ["makemigrations", "migrate", "test"]
    for one in commands:
        printed = folder.python("-c", MANAGE, *one)
    assert "Ran 2 tests" in printed
    assert folder.python("-c", REQUESTS).strip() == "201 400"
    with folder.working("shop_worker:worker") as until:
        until("hello ada")
        until("welcome ada")
        until("ada is counted, attempt 1")
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select count(*) from pgqueue.all_jobs").fetchone() == (0,)
        assert conn.execute("select name from shop_user").fetchall() == [("ada",)]
