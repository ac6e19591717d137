"""`pgqueue push`."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.cli.commands import Shell

Connection = psycopg.Connection[Any]


def test_a_push_prints_the_id_of_a_sealed_job(shell: Shell, conn: Connection) -> None:
    """C09: a diagnostics push enqueues a sealed job and prints its id."""
    options = ("--name", "hello", "--priority", "2", "--attempts", "7", "--expires-in", "1h")
    pushed = shell.run("push", "ops", '{"from":"cli"}', *options)
    assert (pushed.code, pushed.err) == (0, "")
    row = conn.execute(
        "select id, queue, name, priority, max_attempts, envelope, "
        "expires_at - pushed_at between '59 min' and '61 min' from pgqueue.jobs"
    ).fetchone()
    envelope = {"v": 1, "payload": {"from": "cli"}}
    assert row == (int(pushed.out), "ops", "hello", 2, 7, envelope, True)


def test_a_delayed_push_waits(shell: Shell, conn: Connection) -> None:
    pushed = shell.run("push", "ops", "1", "--delay", "90m")
    row = conn.execute("select id, run_at - pushed_at from pgqueue.scheduled_jobs").fetchone()
    assert row is not None
    assert row[0] == int(pushed.out)
    assert row[1].total_seconds() == pytest.approx(5400, abs=1)


def test_a_key_lets_one_push_through_and_says_so(shell: Shell, conn: Connection) -> None:
    """C09: the id is that of the job that holds the key; standard error says that it is not new."""
    first = shell.run("push", "ops", "1", "--unique", "night")
    again = shell.run("push", "ops", "2", "--unique", "night")
    windows = [
        shell.run("push", "ops", "3", "--unique", "hour", "--unique-within", "1h") for _ in "ab"
    ]
    assert (first.err, again.code, again.out) == ("", 0, first.out)
    assert again.error == f"not pushed: job {first.out.strip()} holds the key"
    assert [bool(one.err) for one in windows] == [False, True]
    rows = conn.execute("select envelope -> 'payload' from pgqueue.jobs order by id").fetchall()
    assert rows == [(1,), (3,)]


def test_a_window_needs_a_key(bare_shell: Shell) -> None:
    ended = bare_shell.run("push", "ops", "1", "--unique-within", "1h")
    assert ended.code == 2
    assert "--unique-within needs --unique KEY" in ended.err


def test_the_payload_may_come_from_standard_input(shell: Shell, conn: Connection) -> None:
    assert shell.run("push", "ops", "-", stdin='{"a": [1, null, "ü"]}').code == 0
    row = conn.execute("select envelope -> 'payload' from pgqueue.jobs").fetchone()
    assert row == ({"a": [1, None, "ü"]},)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ops", "{canary"), "the payload is not JSON: "),
        (("ops", ""), "the payload is not JSON: "),
        (("ops", "-"), "the payload is not JSON: "),
        (("", "1"), "queue name '' is not usable"),
        (("o ps", "1"), "queue name 'o ps' is not usable"),
        (("audio.dead", "1"), "queue name 'audio.dead'"),
        (("ops", "1", "--name", ""), "job name '' is not usable"),
        (("ops", "1", "--delay", "soon"), "--delay: 'soon' is not a duration"),
        (("ops", "1", "--unique", ""), "unique: the key '' is not usable"),
        (("ops", "1", "--unique", "k", "--unique-within", "0s"), "unique: within is 0:00:00"),
        (("ops", "1", "--unique", "k", "--unique-within", "now"), "--unique-within: 'now' is not"),
        (("ops", "1", "--expires-in", "-1s"), "--expires-in: '-1s' is not a duration"),
    ],
)
def test_what_cannot_be_pushed_is_said_in_one_line_without_a_database(
    bare_shell: Shell, words: tuple[str, ...], said: str
) -> None:
    ended = bare_shell.run("push", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.error.startswith(f"pgqueue: {said}")


def test_a_payload_that_cannot_be_stored_is_refused_without_being_shown(shell: Shell) -> None:
    ended = shell.run("push", "ops", '{"a": "canary\\u0000"}')
    assert ended.code == 1
    assert "the payload's" in ended.error


def test_the_option_counts_before_the_variables_and_these_before_the_file(shell: Shell) -> None:
    """F8: keyword before environment before `.env`, for every command."""
    good, bad = shell.dsn, "postgresql://u:canary@127.0.0.1:1/x"
    assert shell.run("push", "ops", "1", "--dsn", good, PGQUEUE_DSN=bad).code == 0
    assert shell.run("push", "ops", "1", PGQUEUE_DSN=good, DATABASE_URL=bad).code == 0
    assert shell.run("push", "ops", "1", PGQUEUE_DSN="", DATABASE_URL=good).code == 0
    shell.write(".env", f"PGQUEUE_DSN={bad}\n")
    assert shell.run("push", "ops", "1", PGQUEUE_DSN=good).code == 0
    assert shell.run("push", "ops", "1", PGQUEUE_DSN="").code == 1
    shell.write(".env", f"PGQUEUE_DSN={good}\n")
    assert shell.run("push", "ops", "1", PGQUEUE_DSN="").code == 0


def test_no_database_at_all_is_explained(bare_shell: Shell) -> None:
    ended = bare_shell.run("push", "ops", "1")
    assert ended.code == 2
    assert "set PGQUEUE_DSN or DATABASE_URL" in ended.error
