"""`pgqueue dead redrive|discard|flush|count`, and `pgqueue stats`."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import Any

import psycopg
import pytest

from tests.cli.commands import DEADLINE, PROGRAM, Shell
from tests.drivers.letters import bury, hold
from tests.drivers.store import places

Connection = psycopg.Connection[Any]


@pytest.fixture
def dead(conn: Connection) -> None:
    """Five dead letters."""
    bury(conn, 41, age="3 days")
    bury(conn, 42, reason="lost", errors=["TimeoutError: bank"])
    bury(conn, 43, "mail", name="welcome", handled=True)
    bury(conn, 44, "mail", parked=True)
    bury(conn, 45, "mail")


def in_table(conn: Connection, name: str) -> set[int]:
    return {job for job, tables in places(conn).items() if tables == [name]}


def test_the_known_ids_are_done_and_the_others_named(
    shell: Shell, conn: Connection, dead: None
) -> None:
    """C27, C31, L5: exit 1 if one was not done."""
    hold(conn, 45)
    ended = shell.run("dead", "redrive", "41", "99", "43", "45", "98")
    assert (ended.code, ended.out) == (1, "redriven 41, 43\n")
    assert ended.err.splitlines() == [
        "pgqueue: there is no dead letter 99, 98",
        "pgqueue: a dead-letter processor is at work on 45; try again",
    ]
    assert in_table(conn, "jobs") == {41, 43}
    ended = shell.run("dead", "redrive", "42")
    assert (ended.code, ended.out, ended.err) == (0, "redriven 42\n", "")


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--queue", "audio"], {41, 42}),
        (["--name", "welcome"], {43}),
        (["--reason", "lost"], {42}),
        (["--since", "1d"], {42, 43, 44, 45}),
        (["--older-than", "1d"], {41}),
        (["--error", "bank"], {42}),
        (["--unhandled", "--queue", "mail"], {44, 45}),
        (["--parked"], {44}),
        (["--all", "--limit", "2"], {41, 42}),
        (["--all", "--rate", "1000"], {41, 42, 43, 44, 45}),
    ],
)
def test_many_are_redriven_or_flushed_by_a_filter(
    shell: Shell, conn: Connection, dead: None, words: list[str], ids: set[int]
) -> None:
    """C28, D14: dry first, and then."""
    for command in (["redrive"], ["flush", "--yes"]):
        planned = shell.run("dead", *command, *words, "--dry-run")
        verb = "redriven" if command == ["redrive"] else "discarded"
        assert (planned.code, planned.out) == (0, f"{len(ids)} would be {verb}\n")
    if "--limit" not in words and "--rate" not in words:
        assert (
            shell.run("dead", "count", *words).out == f"{len(ids) if '--all' not in words else 5}\n"
        )
    assert shell.run("dead", "redrive", *words).out == f"redriven {len(ids)}\n"
    assert in_table(conn, "jobs") == ids


def test_a_redrive_can_wait_and_go_elsewhere(shell: Shell, conn: Connection, dead: None) -> None:
    words = ("dead", "redrive", "--queue", "audio", "--delay", "1h", "--to-queue", "slow")
    assert shell.run(*words).out == "redriven 2\n"
    assert shell.run("dead", "redrive", "45", "--to-queue", "slow").code == 0
    rows = conn.execute("select id, queue, state from pgqueue.all_jobs where queue = 'slow'")
    assert sorted(rows.fetchall()) == [
        *((41, "slow", "scheduled"), (42, "slow", "scheduled"), (45, "slow", "ready")),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["redrive"], "redrive: the filter is empty"),
        (["flush", "--yes"], "flush: the filter is empty"),
        (["redrive", "41", "--queue", "audio"], "ids and a filter (queue) exclude each other"),
        (["redrive", "41", "--all"], "ids and a filter (all) exclude each other"),
        (["redrive", "--queue", "a b"], "queue name 'a b'"),
        (["redrive", "--since", "soon"], "--since: 'soon' is not a duration"),
        (["redrive", "--error", ""], "--error: give a part"),
        (["redrive", "--all", "--rate", "0"], "--rate: 0.0 is not a rate"),
        (["redrive", "41", "--to-queue", "a.dead"], "addresses of dead letters"),
        (["discard", "41"], "this would delete 1 dead letters for good; without a terminal"),
        (["flush", "--queue", "mail"], "this would delete 3 dead letters for good; without"),
    ],
)
def test_what_is_not_meant_is_refused(
    shell: Shell, conn: Connection, dead: None, words: list[str], said: str
) -> None:
    """C28, C32: an empty filter without --all, and without a terminal no --yes; exit 2."""
    ended = shell.run("dead", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.error
    assert in_table(conn, "dead_jobs") == {41, 42, 43, 44, 45}


def test_letters_are_discarded_by_id_and_flushed(
    shell: Shell, conn: Connection, dead: None
) -> None:
    """C32: exit 1 when nothing matched a given id."""
    ended = shell.run("dead", "discard", "41", "99", "--yes")
    assert (ended.code, ended.out) == (1, "discarded 41\n")
    assert ended.error == "pgqueue: there is no dead letter 99"
    assert shell.run("dead", "flush", "--queue", "mail", "--yes").out == "discarded 3\n"
    assert shell.run("dead", "flush", "--all", "--yes").out == "discarded 1\n"
    assert places(conn) == {}


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y", 0, {41, 42}), ("n", 1, {41, 42, 43, 44, 45})]
)
def test_a_terminal_is_asked_before_anything_is_deleted(
    shell: Shell, conn: Connection, dead: None, answer: str, code: int, left: set[int]
) -> None:
    """C32: with the number of those that would go."""
    keyboard, terminal = pty.openpty()
    environment = {**os.environ, "PGQUEUE_DSN": shell.dsn, "TERM": "xterm"}
    words = [str(PROGRAM), "dead", "flush", "--queue", "mail"]
    with subprocess.Popen(words, stdin=terminal, stdout=terminal, env=environment) as process:
        os.close(terminal)
        asked = b""
        while b"?" not in asked:
            asked += os.read(keyboard, 1024)
        os.write(keyboard, f"{answer}\n".encode())
        assert process.wait(DEADLINE) == code
    os.close(keyboard)
    assert b"Delete 3 dead letters for good?" in asked
    assert in_table(conn, "dead_jobs") == left


def test_programs_get_json(shell: Shell, conn: Connection, dead: None) -> None:
    """C26, C31: one object for each command that changes something."""
    assert shell.run("dead", "count", "--json").objects == [{"count": 5}]
    ended = shell.run("dead", "redrive", "41", "99", "--json")
    assert (ended.code, ended.objects) == (1, [{"done": [41], "unknown": [99], "held": []}])
    planned = shell.run("dead", "flush", "--queue", "mail", "--dry-run", "--json")
    assert planned.objects == [{"would_be_done": 3}]
    flushed = shell.run("dead", "flush", "--queue", "mail", "--yes", "--json")
    assert flushed.objects == [{"done": 3}]


def test_a_list_goes_on_after_its_last_id(shell: Shell, dead: None) -> None:
    """C26: a page says how to get the next one."""
    ended = shell.run("dead", "list", "--limit", "2", "--json")
    assert [one["id"] for one in ended.objects] == [45, 44]
    shown = shell.run("dead", "list", "--limit", "2")
    assert shown.error == "there may be more: --after 44"
    rest = shell.run("dead", "list", "--after", "44", "--json").objects
    assert [one["id"] for one in rest] == [43, 42, 41]


def test_stats_show_depth_and_complain_about_too_many_dead(
    shell: Shell, conn: Connection, dead: None
) -> None:
    """D28: exit 1 above N, and 0 at N."""
    conn.execute("select pgqueue.push('audio', '1', delay => '1 h')")
    ended = shell.run("stats", "--max-dead", "5")
    assert (ended.code, ended.err) == (0, "")
    heading, *lines = ended.out.splitlines()
    assert heading.split() == ["queue", "state", "reason", "count", "oldest"]
    assert [line.split()[:4] for line in lines] == [
        ["audio", "scheduled", "-", "1"],
        ["audio", "dead", "exhausted", "1"],
        ["audio", "dead", "lost", "1"],
        ["mail", "dead", "exhausted", "3"],
    ]
    ended = shell.run("stats", "--max-dead", "4", "--json")
    assert ended.code == 1
    assert ended.error.startswith("pgqueue: 5 dead letters are more than 4")
    assert ended.objects[-1] == {
        **{"queue": "mail", "state": "dead", "reason": "exhausted", "count": 3, "oldest": None}
    }


def test_stats_of_nothing_are_no_error(shell: Shell) -> None:
    ended = shell.run("stats", "--max-dead", "0")
    assert (ended.code, ended.out, ended.error) == (0, "", "no jobs, and no dead letters")
