"""Hostile names, at every edge where a name comes in: Python, SQL, rows, and the command line."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgqueue import ConfigError, Postgres, Processors, Queue, RegistrationError, Topic, Worker
from tests.contract.hostile import DEAD, NAMES, SENDABLE
from tests.drivers.store import Connection, count

CALLS = (
    "select pgqueue.push(%s, '1')",
    "select pgqueue.push('mail', '1', name => %s)",
    "select pgqueue.push_many(%s, array['1'::jsonb])",
    "select pgqueue.publish(%s, '1')",
    "select pgqueue.subscribe(%s, 'mail')",
    "select pgqueue.subscribe('topic', %s)",
    """insert into pgqueue.jobs (queue, envelope) values (%s, '{"v": 1, "payload": 1}')""",
    """insert into pgqueue.jobs (queue, name, envelope)
       values ('mail', %s, '{"v": 1, "payload": 1}')""",
)
# Only the form is checked of a job's name, of a row's, and of a topic's that is listened to.
ROWS = (CALLS[1], CALLS[4], *CALLS[-2:])


def test_the_corpus_is_one() -> None:
    assert len(NAMES) > 200
    assert {"a" * 10_000, "", "-a", "../etc/passwd", "a\n", "😀", "\u202ea"} <= {*NAMES}


def test_python_refuses_them_everywhere(conn: Connection, dsn: str) -> None:
    """M62, D27: declared, pushed to, published on, or listened to."""
    for name in NAMES:
        refused(name, conn, dsn)
    assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def refused(name: str, conn: Connection, dsn: str) -> None:
    pg, processors = Postgres(dsn), Processors()
    for use in (
        lambda: Queue(name),
        lambda: Topic(name),
        lambda: Queue("mail", dead_letter=name),
        lambda: pg.push(name, 1, on=conn),
        lambda: pg.push_many(name, [1], on=conn),
        lambda: pg.publish(name, 1, on=conn),
        lambda: processors.subscribe("topic", queue=name),
        lambda: Postgres(dsn, default_queue=name),
    ):
        with pytest.raises((ValueError, ConfigError)) as caught:
            use()
        assert len(str(caught.value)) < 300
    if not name.endswith(".dead"):
        with pytest.raises(ValueError, match="not usable"):
            pg.push("mail", 1, on=conn, name=name)
        with pytest.raises(ValueError, match="not usable"):
            processors.process(name)


@pytest.mark.parametrize("call", CALLS)
def test_sql_refuses_them_too(conn: Connection, call: str) -> None:
    """M62, D27: its functions by a sentence, its tables by their checks; none is carried out."""
    for name in SENDABLE:
        try:
            conn.execute(call.encode(), [name])
        except psycopg.Error as error:
            state = error.sqlstate or ""
        else:
            assert name in DEAD, name
            assert call in ROWS
            conn.execute("delete from pgqueue.jobs")
            conn.execute("delete from pgqueue.subscriptions")
            continue
        assert state[:2] in ("22", "23", "P0"), (name, state)
    assert count(conn, "all_jobs") == 0
    assert conn.execute("select count(*) from pgqueue.subscriptions").fetchone() == (0,)


async def test_a_worker_refuses_to_serve_them(dsn: str) -> None:
    """M62: also as the queues that it is limited to."""
    processors = Processors()

    @processors.process("mail")
    async def send(payload: Any) -> None: ...

    for name in NAMES:
        with pytest.raises((ValueError, ConfigError, RegistrationError)):
            await Worker(Postgres(dsn), include=[processors], queues=[name]).configure()


ARGUMENTS: dict[str, Callable[[str], list[str]]] = {
    "a queue": lambda name: ["push", "--", name, "1"],
    "a job's name": lambda name: ["push", "mail", "1", f"--name={name}"],
    "a filter": lambda name: ["dead", "list", f"--queue={name}"],
}


@pytest.mark.parametrize("where", ARGUMENTS)
def test_the_command_line_refuses_them_in_one_line(
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """M62: before it looks for a database, and without printing what would steer a terminal."""
    from pgqueue_cli.main import _run

    monkeypatch.setenv("PGQUEUE_DSN", "postgresql://nobody@127.0.0.1:1/nothing")
    for name in NAMES:
        if name.endswith(".dead") and where != "a queue":
            continue
        monkeypatch.setattr(sys, "argv", ["pgqueue", *ARGUMENTS[where](name)])
        code, printed = _run(), capfd.readouterr()
        assert code == 2, (name, printed)
        [line] = printed.err.splitlines()
        assert (printed.out, len(line) < 300) == ("", True)
        assert all(unicodedata.category(one)[0] != "C" for one in line), name
