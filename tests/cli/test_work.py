"""Which jobs a worker process runs, on which database, and what it says about them."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.commands import Running, Shell

Connection = psycopg.Connection[Any]


def drained(worker: Running) -> int:
    worker.signal(signal.SIGTERM)
    return worker.end()


def queues(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select queue from pgqueue.jobs order by id")]


@pytest.mark.parametrize("target", ["app:worker", "app:processors"])
def test_the_environment_alone_names_the_database(
    shell: Shell, conn: Connection, target: str
) -> None:
    """A18: given PGQUEUE_DSN only, a worker built without arguments connects there."""
    shell.run("push", "quick", "1")
    with shell.running("work", target) as worker:
        worker.until("(quick) attempt 1: done")
        assert drained(worker) == 0
    assert queues(conn) == []


def test_only_the_listed_queues_are_served(shell: Shell, conn: Connection) -> None:
    """C10: `--queue a,b` consumes only those, spaces trimmed and duplicates dropped."""
    for queue in ("stuck", "quick", "fails"):
        shell.run("push", queue, "1", *(["--name", "always"] if queue == "fails" else []))
    with shell.running(
        "work", "app:worker", "--queue", " fails , quick,quick", "-c", "1"
    ) as worker:
        assert "concurrency 1" in worker.until("started with 2 processors")
        worker.until("is dead after attempt 1")
        worker.until("(quick) attempt 1: done")
        assert drained(worker) == 0
    assert queues(conn) == ["stuck"]


def test_a_flag_leaves_everything_else_as_the_application_built_it(shell: Shell) -> None:
    shell.write(
        "rooms.py",
        "from pgqueue import Postgres, Processors, Worker\n"
        "processors = Processors()\n"
        "class Room:\n"
        "    @processors.process('rooms')\n"
        "    async def tidy(self, payload): ...\n"
        "worker = Worker(\n"
        "    Postgres(), include=[processors], queues=['rooms'], resolver=lambda kind: kind()\n"
        ")\n",
    )
    shell.run("push", "rooms", "1")
    with shell.running("work", "rooms:worker", "-c", "2") as worker:
        assert "concurrency 2" in worker.until("started with 1 processors")
        worker.until("(rooms) attempt 1: done")
        assert drained(worker) == 0


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("a,,b", "empty name"),
        ("", "empty name"),
        ("a, -b", "queue name '-b' is not usable"),
        ("quick,nosuch", "no included processor for queue nosuch"),
    ],
)
def test_a_bad_queue_list_is_a_usage_error(shell: Shell, listed: str, said: str) -> None:
    """C14: an empty or invalid name is a usage error."""
    ended = shell.run("work", "app:worker", "--queue", listed)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.error


def test_the_log_is_json_when_asked(shell: Shell) -> None:
    """E11: a payload is never in the log; the shell looks for the canary."""
    shell.run("push", "quick", '"canary"')
    shell.run("push", "fails", '"canary"', "--name", "always")
    words = ("work", "app:worker", "--queue", "fails,quick", "--log-format", "json")
    with shell.running(*words, "--log-level", "debug", PYTHONASYNCIODEBUG="") as worker:
        done = json.loads(worker.until("(quick) attempt 1: done"))
        assert drained(worker) == 0
    assert {"time", "level", "logger", "message"} <= done.keys()
    assert (done["queue"], done["outcome"], done["attempt"]) == ("quick", "done", 1)
    assert done["processor"] == "app.quick"
    assert done["elapsed_ms"] >= 0
    assert done["job_id"] > 0
    assert all(json.loads(line)["level"] for line in worker.lines)


def test_an_error_cannot_steer_the_terminal_through_the_log(shell: Shell) -> None:
    shell.run("push", "fails", "1", "--name", "always")
    with shell.running("work", "app:worker") as worker:
        line = worker.until("is dead after attempt 1")
        assert drained(worker) == 0
    assert "RuntimeError: it \\u001b[31mfailed\\u202e" in line


def test_a_worker_listens_on_no_port(shell: Shell) -> None:
    """E08: `pgqueue work` runs no web app."""
    with socket.create_server(("127.0.0.1", 0)):
        assert listening(os.getpid())
    with shell.running("work", "app:worker") as worker:
        worker.until("started with")
        assert listening(worker.process.pid) == set()
        assert drained(worker) == 0


def listening(pid: int) -> set[str]:
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
    own = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    return inodes & own


def test_a_schema_that_is_missing_stops_the_worker_with_the_command_to_run(
    shell: Shell, conn: Connection
) -> None:
    """C25: a worker against a missing schema fails to start, naming the command to run."""
    conn.execute("drop schema pgqueue cascade")
    ended = shell.run("work", "app:worker")
    assert ended.code == 3
    assert "run `pgqueue migrate`" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("flags", "left", "reason"),
    [
        (["--once"], 2, "1 jobs claimed"),
        (["--max-jobs", "2"], 1, "2 jobs claimed"),
        (["--stop-when-empty"], 0, "nothing left"),
        (["--max-time", "300ms"], 0, "time is up"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_worker_that_ends_by_itself_leaves_with_0(
    shell: Shell, conn: Connection, flags: list[str], left: int, reason: str
) -> None:
    """C40, E09: gracefully, with its reason in the log."""
    for number in range(3):
        shell.run("push", "quick", str(number))
    with shell.running("work", "app:worker", *flags) as worker:
        worker.until(f"stopped: {reason}")
        assert worker.end() == 0
    assert len(queues(conn)) == left


def test_a_time_that_nobody_can_read_is_a_usage_error(shell: Shell) -> None:
    ended = shell.run("work", "app:worker", "--max-time", "soon")
    assert ended.code == 2
    assert "--max-time: 'soon' is not a duration" in ended.err
