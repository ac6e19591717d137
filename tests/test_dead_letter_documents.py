"""What docs/dead-letters.md shows is run here, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.documents import ROOT, Folder, commands
from tests.drivers.letters import bury

DOCUMENT = "docs/dead-letters.md"
ENVELOPE = '{"v": 1, "payload": {"number": %s}}'
QUERIES = dict(
    re.findall(r"<!-- sql: (.+?) -->\n```sql\n(.*?)```", (ROOT / DOCUMENT).read_text(), re.DOTALL)
)
ROWS = {
    "which errors are there": [
        ("orders", "TimeoutError: bank", 2),
        ("orders", "ValueError: no", 1),
    ],
    "when they died": [("orders", "exhausted", 2), ("orders", "lost", 1)],
    "one job's history": [("1", "ValueError: no"), ("2", "TimeoutError: bank")],
    "fields of the payload": [(2, "2"), (3, "3")],
    "dead letters with a processor at work on them": [(3, "orders", "w")],
    "what processors of dead letters have given up, and why": [(2, "orders", 5, "KeyError: 2")],
    "redrive one": [(True,)],
    "redrive some": [(1,)],
    "discard one": [(True,)],
    "discard some": [(0,)],
    "keep a queue's dead letters for a week, and 1000 of them at most": [],
}


@pytest.fixture
def dead(conn: psycopg.Connection[Any]) -> None:
    """Three dead letters of a queue; the processor of the last one is at work on it."""
    bury(conn, 1, "orders", errors=["ValueError: no", "TimeoutError: bank"])
    bury(conn, 2, "orders")
    bury(conn, 3, "orders", reason="lost", errors=["TimeoutError: bank"])
    for number in (1, 2, 3):
        conn.execute(
            "update pgqueue.dead_jobs set envelope = %s::jsonb where id = %s",
            (ENVELOPE % number, number),
        )
    conn.execute(
        "update pgqueue.dead_jobs set lease = 7, worker = 'w',"
        " visible_at = now() + interval '1 h' where id = 3"
    )
    conn.execute(
        "update pgqueue.dead_jobs set parked_at = now(), dead_attempt = 5,"
        """ dead_failures = '[{"error": "KeyError: 2"}]' where id = 2"""
    )


def test_every_query_of_the_document_is_known_here() -> None:
    text = (ROOT / DOCUMENT).read_text()
    assert QUERIES.keys() == ROWS.keys()
    assert text.count("```sql") == len(QUERIES)


@pytest.mark.parametrize("name", ROWS)
def test_the_queries_say_what_they_promise(
    conn: psycopg.Connection[Any], dead: None, name: str
) -> None:
    """C33, K10: dead by error and hour, a job's history, its payload; redriven and discarded."""
    cursor = conn.execute(QUERIES[name].encode())
    rows = cursor.fetchall() if cursor.description else []
    timeless = [
        tuple(value for value in row if not re.match(r"\d{4}-\d\d-\d\d", str(value)))
        for row in rows
    ]
    if name == "one job's history":
        timeless = [(attempt, error) for attempt, _, error in timeless]
    assert timeless == ROWS[name]


def test_the_commands_of_the_document_run_in_their_order(
    conn: psycopg.Connection[Any], dsn: str, dead: None, tmp_path: Path
) -> None:
    """C26, C27, C28, C32: none of them fails, and at the end nothing is dead."""
    bury(conn, 4, "orders", name="refund")
    bury(conn, 5, "mail")
    bury(conn, 6, "mail", age="40 days")
    conn.execute("update pgqueue.dead_jobs set lease = null")
    folder = Folder(tmp_path, DOCUMENT, dsn)
    said = [folder.pgqueue(*one) for one in commands(DOCUMENT)]
    count, listed, as_json, shown, with_payload, redriven, planned, timeouts, later, *rest = said
    assert count == "6\n"
    assert len(listed.splitlines()) == 5
    assert as_json.count("\n") == 1
    assert "ValueError: no" in shown
    assert ("payload" in shown, '"number": 2' in with_payload) == (False, True)
    assert [redriven, planned, timeouts] == [
        *("redriven 2\n", "2 would be redriven\n", "redriven 2\n"),
    ]
    assert [later, *rest[:-1]] == [
        *("redriven 1\n", "discarded 5\n", "discarded 1\n", "redriven 0\n"),
    ]
    assert "dead" not in rest[-1]


def test_the_programs_of_the_document_run(
    conn: psycopg.Connection[Any], dsn: str, dead: None, tmp_path: Path
) -> None:
    """D12, D13, D28: by id and by filter, blocking and async; and the counts."""
    conn.execute("update pgqueue.dead_jobs set lease = null")
    bury(conn, 6, "mail", age="40 days")
    folder = Folder(tmp_path, DOCUMENT, dsn)
    assert folder.python("watch.py").splitlines() == [
        *("mail exhausted 1", "orders exhausted 2", "orders lost 1", "4"),
    ]
    assert folder.python("mend.py").splitlines() == [
        *("2 4 ValueError: no", "1 4 TimeoutError: bank", "(1,) (999,) ()", "3", "1", "1"),
    ]
