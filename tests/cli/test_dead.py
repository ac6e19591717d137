"""`pgqueue dead`."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from typing import Any

import psycopg
import pytest

from tests.cli.commands import PROGRAM, Shell

Connection = psycopg.Connection[Any]
DYING = """
insert into pgqueue.dead_jobs
  (id, queue, name, reason, attempt, envelope, failures, pushed_at, died_at)
values
  (%s, %s, %s, %s, 3, '{"v": 1, "payload": {"secret": "canary"}}', %s::jsonb,
   now(), now() + %s * interval '1 s')
"""
FAILURES = (
    '[{"attempt": 3, "at": "2026-01-01T00:00:00Z", "worker": "w", '
    '"error": "ValueError: [red]\\u001b[31m\\u202e\\nmore", "traceback": "Trace\\n  frame"}]'
)


@pytest.fixture
def dead(conn: Connection) -> None:
    """Two dead letters."""
    conn.execute(DYING, [41, "audio", "welcome", "exhausted", FAILURES, 0])
    conn.execute(DYING, [42, "q" * 48, "n" * 48, "rejected", "[]", 1])


def test_a_fresh_database_has_no_dead_letters(shell: Shell) -> None:
    """C26: an empty list is no error, and nothing at all as JSON."""
    ended = shell.run("dead", "list")
    assert (ended.code, ended.out, ended.error) == (0, "", "no dead letters")
    ended = shell.run("dead", "list", "--json")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_the_list_as_json_has_stable_keys_and_no_payload(shell: Shell, dead: None) -> None:
    """C26: id, queue, name, reason, attempts, died_at, first line of the error."""
    latest, earlier = shell.run("dead", "list", "--json").objects
    assert latest["id"] == 42
    assert list(earlier) == [
        *("id", "queue", "name", "reason", "attempts", "redrives", "pushed_at", "died_at"),
        *("handled_at", "parked_at", "error"),
    ]
    assert [earlier[key] for key in ("id", "queue", "name", "reason", "attempts", "error")] == [
        *(41, "audio", "welcome", "exhausted", 3),
        "ValueError: [red]\x1b[31m\u202e",
    ]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--queue", "audio"], [41]),
        (["--name", "n" * 48], [42]),
        (["--reason", "exhausted"], [41]),
        (["--reason", "lost"], []),
        (["--limit", "1"], [42]),
    ],
)
def test_the_list_can_be_filtered(
    shell: Shell, dead: None, words: list[str], ids: list[int]
) -> None:
    assert [one["id"] for one in shell.run("dead", "list", "--json", *words).objects] == ids


def test_a_reason_that_does_not_exist_is_a_usage_error(shell: Shell) -> None:
    assert shell.run("dead", "list", "--reason", "bored").code == 2


def test_the_piped_list_is_plain_and_fits_a_hundred_columns(shell: Shell, dead: None) -> None:
    """E11: a list shows no payload; the shell looks for the canary."""
    heading, latest, earlier = shell.run("dead", "list").out.splitlines()
    assert heading.split() == ["id", "queue", "name", "reason", "attempts", "died_at", "error"]
    assert max(map(len, (heading, latest, earlier))) <= 100
    assert latest.split()[0] == "42"
    assert [earlier[heading.index(word) :][:3] for word in ("queue", "reason")] == ["aud", "exh"]
    assert "…" in latest


def test_a_short_list_is_not_cut_and_cannot_steer_the_terminal(shell: Shell, dead: None) -> None:
    _, line = shell.run("dead", "list", "--queue", "audio").out.splitlines()
    assert line.endswith("Z  ValueError: [red]\\u001b[31m\\u202e")


@pytest.mark.parametrize(("columns", "most"), [("300", 100), ("80", 80)])
def test_a_terminal_gets_a_table_that_nothing_in_it_can_steer(
    shell: Shell, dead: None, columns: str, most: int
) -> None:
    lines = _listed_on_a_terminal(shell, columns)
    _, rule, latest, earlier = lines
    assert rule.startswith("───")
    assert (latest.split()[0], earlier.split()[:2]) == ("42", ["41", "audio"])
    assert "ValueErro" in earlier
    assert "\x1b" not in earlier
    assert max(map(len, lines)) <= most


def test_a_narrow_terminal_wraps_the_table_and_cuts_no_id_reason_or_time(
    shell: Shell, dead: None
) -> None:
    heading, _, latest, _ = _listed_on_a_terminal(shell, "40")
    assert {"id", "reason", "attempts", "died_at"} < set(heading.split())
    assert latest.split()[0] == "42"
    assert "…" not in latest.split()[3]
    assert re.search(r"T\d\d:\d\d:\d\dZ", latest)


def _listed_on_a_terminal(shell: Shell, columns: str) -> list[str]:
    reader, writer = pty.openpty()
    environment = {**os.environ, "PGQUEUE_DSN": shell.dsn, "COLUMNS": columns, "TERM": "xterm"}
    words = [str(PROGRAM), "dead", "list"]
    with subprocess.Popen(words, stdout=writer, env=environment) as process:
        os.close(writer)
        with open(reader, "rb", buffering=0) as terminal:
            printed = _until_closed(terminal)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[01]m", "", printed).splitlines()


def _until_closed(terminal: Any) -> str:
    printed = b""
    while True:
        try:
            part = terminal.read(4096)
        except OSError:  # how a terminal says that its other end is closed
            part = b""
        if not part:
            return printed.decode()
        printed += part


def test_one_dead_letter_is_shown_with_its_failures(shell: Shell, dead: None) -> None:
    shown = shell.run("dead", "show", "41")
    assert shown.code == 0
    assert "reason        exhausted" in shown.out
    assert "attempt 3 at 2026-01-01T00:00:00Z by w" in shown.out
    assert "  ValueError: [red]\\u001b[31m\\u202e\n  more\n  Trace\n    frame" in shown.out


def test_the_payload_is_shown_only_when_asked_for(shell: Shell, dead: None) -> None:
    """E11: payloads never appear by default; `dead show --payload` shows them."""
    assert "payload" not in shell.run("dead", "show", "41").out
    (shown,) = shell.run("dead", "show", "41", "--json").objects
    assert "payload" not in shown
    assert shown["failures"][0]["traceback"] == "Trace\n  frame"
    with pytest.raises(AssertionError, match="a secret was printed"):
        shell.run("dead", "show", "41", "--payload")
    with pytest.raises(AssertionError, match="a secret was printed"):
        shell.run("dead", "show", "41", "--payload", "--json")


def test_an_id_that_is_not_dead_is_named(shell: Shell) -> None:
    ended = shell.run("dead", "show", "43")
    assert (ended.code, ended.out) == (1, "")
    assert ended.error.startswith("pgqueue: there is no dead letter 43")


def test_a_job_that_died_in_a_worker_is_in_the_list(shell: Shell) -> None:
    """C26: what a worker buried is listed with the first line of its error."""
    pushed = shell.run("push", "fails", "1", "--name", "always")
    with shell.running("work", "app:worker") as worker:
        worker.until("is dead after attempt 1")
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0
    (listed,) = shell.run("dead", "list", "--json").objects
    assert (listed["id"], listed["reason"]) == (int(pushed.out), "exhausted")
    assert listed["error"] == "RuntimeError: it \x1b[31mfailed\u202e"
