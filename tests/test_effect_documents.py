"""What the documents say of effects and surroundings is run here, as it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from tests.documents import Folder

TABLES = """
create table stock (item text primary key, pieces int check (pieces >= 0));
insert into stock values ('lamp', 2);
create table receipts (job bigint primary key, line text)"""


def test_what_is_sold_has_a_receipt_and_what_is_not_has_none(
    conn: psycopg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    """B35: of three orders for two lamps one is dead, and left neither a hole nor a receipt."""
    folder = Folder(tmp_path, "docs/exactly-once.md", dsn)
    conn.execute(TABLES)
    for _ in range(3):
        folder.pgqueue("push", "orders", '{"item": "lamp"}', "--attempts", "1")
    with folder.working("orders:worker") as until:
        until("exhausted in")
        until("job 4 (receipts) attempt 1: done")
        until("job 5 (receipts) attempt 1: done")
    assert conn.execute("select pieces from stock").fetchall() == [(0,)]
    assert conn.execute("select line from receipts").fetchall() == [("One lamp, paid.",)] * 2
    assert conn.execute("select reason from pgqueue.dead_jobs").fetchall() == [("exhausted",)]


def test_the_stages_of_an_attempt_are_what_the_document_says(dsn: str, tmp_path: Path) -> None:
    """B23, C20: condition, middleware, context, handler, event; by the old name as well."""
    folder = Folder(tmp_path, "docs/processors.md", dsn)
    folder.pgqueue("push", "alerts", '{"level": "info", "text": "fine"}', "--name", "page")
    folder.pgqueue("push", "alerts", '{"level": "high", "text": "fire"}', "--name", "alarm")
    with folder.working("alerts:worker") as until:
        until("ended 1 Done(skipped=True)")
        until("before 2\nenter 2\npage fire\nafter 2\n")
        until("ended 2 Done(skipped=False)")


def test_a_handler_of_the_document_runs_in_a_process(dsn: str, tmp_path: Path) -> None:
    """B36: as it stands there, by the command."""
    folder = Folder(tmp_path, "docs/processors.md", dsn)
    folder.pgqueue("push", "photos", '"cat.jpg"')
    with folder.working("thumbs:worker") as until:
        until("shrunk cat.jpg 333332833333500000")
        until("job 1 (photos) attempt 1: done")
