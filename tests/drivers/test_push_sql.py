"""`pgqueue.push()` in SQL: the same contract for psql, triggers and other languages."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

import pgqueue
from pgqueue import Postgres, Processors, Worker
from tests.drivers.store import Connection, count, places


def test_sql_seals_as_python_does(conn: Connection, dsn: str) -> None:
    """B03, B04: the same envelope, and one version for both sides."""
    Postgres(dsn).push("audio", {"file": "d.mp3"}, on=conn)
    conn.execute("""select pgqueue.push('audio', '{"file": "d.mp3"}')""")
    [(distinct,)] = conn.execute("select count(distinct envelope) from pgqueue.jobs").fetchall()
    assert distinct == 1
    row = conn.execute("select pgqueue.wire_format_version()").fetchone()
    assert row == (pgqueue.WIRE_FORMAT_VERSION,)


def test_sql_has_the_options(conn: Connection) -> None:
    """E06, E07: what the push says is on the row."""
    conn.execute(
        """
        select pgqueue.push('audio', '1', name => 'welcome', priority => 2, attempts => 3,
          backoff => '{"first": 5, "factor": 2}', timeout => '30 s', expires_in => '1 h',
          carrier => '{"baggage": "tenant=7"}')
        """
    )
    row = conn.execute(
        "select name, priority, max_attempts, backoff, timeout = '30 s',"
        " expires_at - visible_at = '1 h', envelope from pgqueue.jobs"
    ).fetchone()
    envelope = {"v": 1, "payload": 1, "baggage": "tenant=7"}
    assert row == ("welcome", 2, 3, {"first": 5, "factor": 2}, True, True, envelope)


@pytest.mark.parametrize("when", ["delay => '1 h'", "run_at => now() + interval '1 h'"])
def test_a_delayed_job_waits_beside_the_hot_table(conn: Connection, when: str) -> None:
    row = conn.execute(f"select pgqueue.push('audio', '1', {when})").fetchone()
    assert row is not None
    assert places(conn) == {row[0]: ["scheduled_jobs"]}


def test_a_delay_that_has_passed_runs_at_once(conn: Connection) -> None:
    conn.execute("select pgqueue.push('audio', '1', run_at => now() - interval '1 h')")
    assert count(conn, "jobs") == 1


WRONG = [
    ("null, '1'", "cannot name a queue"),
    ("'', '1'", "cannot name a queue"),
    ("'a b', '1'", "cannot name a queue"),
    ("E'a\\nb', '1'", "cannot name a queue"),
    ("repeat('a', 49), '1'", "cannot name a queue"),
    ("'audio.dead', '1'", "cannot name a queue"),
    ("'audio', null", "is null"),
    ("'audio', '{\"v\": 1, \"payload\": 2}'", "already sealed"),
    ("'audio', '1', delay => '1 s', run_at => now()", "both delay and run_at"),
    ("'audio', '1', delay => '-1 s'", "is negative"),
    ("'audio', '1', name => 'a b'", "name_form"),
    ("'audio', '1', priority => 10", "priority_range"),
    ("'audio', '1', attempts => 0", "attempts_range"),
    ("'audio', '1', timeout => '0 s'", "patience_range"),
    ("'audio', '1', backoff => '[]'", "backoff_form"),
    ("'audio', '1', run_at => 'infinity'", "moment_range"),
    ("'audio', '1', run_at => '9000-01-01'", "moment_range"),
    ("'audio', '1', expires_in => '8000 years'", "moment_range"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[one[0] for one in WRONG])
def test_sql_refuses_what_python_refuses(conn: Connection, arguments: str, message: str) -> None:
    """B09, B11, E12, M51: also at this edge nothing is wrapped twice, and bad options are named."""
    with pytest.raises(psycopg.Error, match=message):
        conn.execute(f"select pgqueue.push({arguments})")
    assert places(conn) == {}


@pytest.mark.parametrize(
    "document", ['{"n": 1}', "[]", "1", "null", '{"v": "1", "payload": 1}', '{"v": 1}']
)
@pytest.mark.parametrize("table", ["jobs", "scheduled_jobs", "dead_jobs"])
def test_an_unsealed_row_is_refused_by_the_table(
    conn: Connection, document: str, table: str
) -> None:
    """B07: a raw INSERT of what is not an envelope fails at once."""
    columns = {
        "jobs": ("queue, envelope", "'audio', %s"),
        "scheduled_jobs": ("id, queue, run_at, envelope", "1, 'audio', now(), %s"),
        "dead_jobs": (
            "id, queue, reason, failures, pushed_at, envelope",
            "1, 'audio', 'lost', '[]', now(), %s",
        ),
    }[table]
    with pytest.raises(psycopg.errors.CheckViolation, match="envelope"):
        conn.execute(
            f"insert into pgqueue.{table} ({columns[0]}) values ({columns[1]})", (document,)
        )


def test_a_trigger_can_push(conn: Connection) -> None:
    conn.execute(
        """
        create table orders (id int);
        create function on_order() returns trigger language plpgsql as $$
        begin
          perform pgqueue.push('orders', jsonb_build_object('id', new.id));
          return new;
        end $$;
        create trigger pushes after insert on orders for each row execute function on_order();
        insert into orders values (1), (2);
        """
    )
    rows = conn.execute("select envelope -> 'payload' ->> 'id' from pgqueue.jobs order by id")
    assert rows.fetchall() == [("1",), ("2",)]


def test_a_long_transaction_pushes_no_old_jobs(conn: Connection, dsn: str) -> None:
    """M51, P9: a job is as old as its push, not as its transaction, and takes its place then."""
    pg = Postgres(dsn)
    with psycopg.connect(dsn) as long:
        [(began,)] = long.execute("select now()").fetchall()
        pg.push("audio", "first", on=conn)
        pg.push("audio", "second", on=long)
        long.execute("select pgqueue.push('audio', '\"third\"')")
        pg.push_many("audio", ["fourth"] * 1100, on=long)
    rows = conn.execute(
        "select envelope ->> 'payload', pushed_at from pgqueue.jobs order by position limit 4"
    ).fetchall()
    assert [row[0] for row in rows] == ["first", "second", "third", "fourth"]
    assert all(began < row[1] for row in rows)


async def test_a_job_pushed_in_sql_is_run(conn: Connection, dsn: str) -> None:
    """K02: plain SQL is a producer like any other."""
    ran = asyncio.Queue[Any]()
    processors = Processors()

    @processors.process("audio")
    async def listen(payload: Any) -> None:
        await ran.put(payload)

    worker = Worker(Postgres(dsn), include=[processors])
    task = asyncio.create_task(worker.run())
    conn.execute("""select pgqueue.push('audio', '{"file": "d.mp3"}', delay => '10 ms')""")
    async with asyncio.timeout(10):
        assert await ran.get() == {"file": "d.mp3"}
    worker.stop()
    await task
