"""The examples about pushing, run as they stand there, and the tables that must be complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg

import pgqueue
from pgqueue.drivers.postgres.options import OPTIONS
from tests.documents import ROOT, Folder


def test_the_examples_of_pushing_run(
    conn: psycopg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    printed = Folder(tmp_path, "docs/pushing.md", dsn).python("sell.py").splitlines()
    assert [line.split(" ", 1)[1] for line in printed[:2]] == ["is new", "was there"]
    assert printed[0].split()[0] == printed[1].split()[0]
    assert printed[2:] == ["10000 10000", "True"]
    states = "select state, count(*) from pgqueue.all_jobs group by state order by state"
    assert conn.execute(states).fetchall() == [("ready", 10_002), ("scheduled", 1)]


def test_every_option_of_a_push_is_in_the_table_with_its_name_in_sql(
    conn: psycopg.Connection[Any],
) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`.+?) \|", _text("docs/pushing.md"), re.MULTILINE)
    assert {name for name, _ in rows} == OPTIONS
    found = conn.execute(
        "select unnest(proargnames) from pg_proc"
        " where pronamespace = 'pgqueue'::regnamespace and proname = 'push'"
    ).fetchall()
    named = {word for _, words in rows for word in re.findall(r"`(\w+)`", words)}
    assert named == {name for (name,) in found} - {"queue", "payload"}


def test_every_public_name_is_explained() -> None:
    named = re.findall(r"^\| (`.+?) \|", _text("docs/names.md"), re.MULTILINE)
    listed = {word for cell in named for word in re.findall(r"`(\w+)", cell)}
    assert set(pgqueue.__all__) - listed == set()


def _text(document: str) -> str:
    return (ROOT / document).read_text()
