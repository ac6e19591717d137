"""What docs/topics.md shows is run here, as it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from tests.documents import Folder, blocks

DOCUMENT = "docs/topics.md"


def test_each_subscriber_of_the_document_gets_its_copy(dsn: str, tmp_path: Path) -> None:
    """D03: published by a process that shares only the topic with the worker."""
    folder = Folder(tmp_path, DOCUMENT, dsn)
    with folder.working("users:worker") as until:
        until("started with")
        assert folder.python("publish.py").strip() == "2"
        until("welcome ada")
        until("user.created audit ada {}")


def test_the_events_of_the_document_reach_both_kinds_of_listeners(dsn: str, tmp_path: Path) -> None:
    """C08: one is called, the other gets a job."""
    folder = Folder(tmp_path, DOCUMENT, dsn)
    assert folder.python("pay.py") == "counted 7\n"
    with folder.working("orders:worker") as until:
        until("receipt 7")


def test_the_sql_of_the_document_runs(conn: psycopg.Connection[Any]) -> None:
    """D04: a message waits for a subscriber, and goes to its queue once there is one."""
    publish, subscribe, unsubscribe = blocks(DOCUMENT, "sql")
    for statement in (publish, subscribe, publish, unsubscribe, publish):
        conn.execute(statement.encode())
    rows = conn.execute("select queue from pgqueue.jobs order by id").fetchall()
    assert rows == [("user.created",), ("welcome-mails",), ("user.created",)]
