"""What docs/recipes.md shows is run here, as it stands there."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

import pgqueue
from pgqueue import Postgres
from pgqueue.declaration import Options
from pgqueue.drivers.postgres.options import PushManyOptions, PushOptions
from tests.documents import ROOT, Folder, blocks, commands
from tests.drivers.store import count

DOCUMENT = "docs/recipes.md"
Connection = psycopg.Connection[Any]


def sql(word: str) -> str:
    """Return the block of SQL in which a word is."""
    [found] = [block for block in blocks(DOCUMENT, "sql") if word in block]
    return found


def payloads(conn: Connection, queue: str) -> list[Any]:
    query = "select envelope -> 'payload' from pgqueue.jobs where queue = %s order by id"
    return [row[0] for row in conn.execute(query, [queue])]


def test_the_outbox_is_the_transaction(conn: Connection) -> None:
    """K02: row and job commit together; rolled back, there is neither."""
    conn.execute("create table invoices (id int primary key, cents int)")
    conn.execute(sql("invoices").replace("commit", "rollback").encode())
    assert count(conn, "jobs") == 0
    conn.execute(sql("invoices").encode())
    assert payloads(conn, "billing") == [{"invoice": 7}]


def test_a_second_run_is_recognised_by_its_id(dsn: str, tmp_path: Path) -> None:
    """P5: the id is the same in each attempt."""
    folder = Folder(tmp_path, DOCUMENT, dsn)
    folder.pgqueue("push", "billing", '{"invoice": 7}')
    with folder.working("billing:worker") as until:
        until("charged 7, 1 in all")


def test_the_ids_beside_the_effect_recognise_it_too(conn: Connection) -> None:
    create, insert = sql("handled").strip().split("\n")
    conn.execute(create.encode())
    assert [conn.execute(insert.encode()).fetchall() for _ in "ab"] == [[(7,)], []]


def test_a_tick_is_pushed_once_however_many_tick(conn: Connection, dsn: str) -> None:
    """C09: eight at once, one job, and none when it is done."""
    tick, barrier = sql("'reports'").encode(), threading.Barrier(8)

    def push(_: int) -> int:
        with psycopg.connect(dsn, autocommit=True) as mine:
            barrier.wait(60)
            row = mine.execute(tick).fetchone()
        assert row is not None
        return int(row[0])

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(push, range(8)))
    assert len(ids) == len(payloads(conn, "reports")) == 1
    conn.execute("delete from pgqueue.jobs")
    assert {row[0] for row in conn.execute(tick)} == ids
    assert count(conn, "jobs") == 0


def test_the_command_ticks_once_too(conn: Connection, dsn: str, tmp_path: Path) -> None:
    """C09: as a timer of any platform runs it."""
    [tick] = commands(DOCUMENT)
    folder = Folder(tmp_path, DOCUMENT, dsn)
    assert {folder.pgqueue(*tick) for _ in "ab"} == {"1\n"}
    assert payloads(conn, "reports") == [{}]


def test_a_query_fans_out(conn: Connection) -> None:
    """A15: one statement for all of them."""
    conn.execute(sql("newsletter").encode())
    assert payloads(conn, "letters") == [{"user": 1}, {"user": 2}, {"user": 3}]


def test_the_last_of_many_pushes_what_follows(conn: Connection, dsn: str, tmp_path: Path) -> None:
    """D26, A15: once, when all are done."""
    conn.execute("create table issues (id bigint primary key, missing int)")
    folder = Folder(tmp_path, DOCUMENT, dsn)
    folder.pgqueue("push", "issues", '["ada", "bob", "eve"]')
    with folder.working("letters:worker") as until:
        until("all letters are sent")
    printed = (tmp_path / "worker.log").read_text()
    assert sorted(re.findall("letter to (.+)", printed)) == ["ada", "bob", "eve"]
    assert conn.execute("select missing from issues").fetchall() == [(0,)]


def test_a_trigger_pushes_one_job_a_row(conn: Connection) -> None:
    """K02: for roles, too, that may not push themselves."""
    conn.execute(sql("create trigger").encode())
    assert payloads(conn, "orders") == [{"id": 1}, {"id": 2}]
    with conn.transaction():
        # Others on this server do not see it: it goes with the transaction.
        conn.execute("create role writer_of_orders")
        conn.execute("grant insert on orders to writer_of_orders")
        conn.execute("set local role writer_of_orders")
        conn.execute("insert into orders values (3, 1)")
        conn.execute("reset role; drop owned by writer_of_orders; drop role writer_of_orders")
    assert payloads(conn, "orders")[2:] == [{"id": 3}]


def test_a_function_of_another_queue_moves(dsn: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path, DOCUMENT, dsn)
    folder.pgqueue("push", "images", '{"path": "a.png", "width": 7}', "--name", "resize")
    with folder.working("moved:worker") as until:
        until("a.png is 7 wide")


@pytest.mark.parametrize("name", ["Celery", "procrastinate", "pgqueuer"])
def test_what_is_mapped_to_is_there(name: str) -> None:
    """The words of our side are those of the code."""
    text = (ROOT / DOCUMENT).read_text()
    table = text.partition(f"| {name} | pgqueue |\n|---|---|\n")[2].partition("\n\n")[0]
    ours = "\n".join(row.split(" | ", 1)[1] for row in table.splitlines())
    options = (
        PushOptions.__annotations__ | PushManyOptions.__annotations__ | Options.__annotations__
    )
    said = set(re.findall(r"\b(\w+)=", ours)) - {"until", "on"}
    assert said
    assert said <= {*options}
    assert all(hasattr(Postgres, one) for one in re.findall(r"\bpg\.(\w+)\(", ours))
    names = re.findall(r"`(?:raise )?([A-Z][a-z]\w+)\b", ours)
    assert all(hasattr(pgqueue, one) for one in names)
