"""`pgqueue work --reload`, as real processes: a supervisor, and one worker after the other."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any

import psycopg
import pytest

from tests.cli.commands import DEADLINE, Running, Shell

Connection = psycopg.Connection[Any]

WORD = """
from pgqueue import Postgres, Processors, Worker
processors = Processors()

@processors.process("words")
async def run(payload) -> None:
    print("the word is {word}", flush=True)

worker = Worker(Postgres(), include=[processors])
"""
COMMAND = ("work", "app:worker", "--reload")


def worker_pid(supervisor: Running) -> int:
    """Wait until a worker has started; return its process."""
    found = re.search(r"worker \S+?:(\d+):\w+ started", supervisor.until("started with"))
    assert found is not None
    return int(found[1])


def gone(pid: int) -> None:
    """Wait until a process has ended."""
    deadline = time.monotonic() + DEADLINE
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_a_change_is_what_the_next_job_runs(shell: Shell) -> None:
    """C18: the old worker drains, and a new one has the new code."""
    shell.write("app.py", WORD.format(word="before"))
    with shell.running(*COMMAND) as supervisor:
        first = worker_pid(supervisor)
        shell.run("push", "words", "1")
        supervisor.until("the word is before")
        shell.write("app.py", WORD.format(word="after"))
        supervisor.until("app.py changed: the worker starts again")
        supervisor.until("stopped: drained")
        second = worker_pid(supervisor)
        shell.run("push", "words", "2")
        supervisor.until("the word is after")
        supervisor.signal(signal.SIGTERM)
        assert supervisor.end() == 0
    assert first != second
    assert not any(os.path.exists(f"/proc/{pid}") for pid in (first, second))


def test_what_runs_may_finish_before_the_next_worker_starts(shell: Shell, conn: Connection) -> None:
    """M16: a change costs the running job nothing."""
    conn.execute("select pg_advisory_lock(7)")
    shell.run("push", "locked", "1")
    with shell.running(*COMMAND) as supervisor:
        supervisor.until("running")
        shell.write("other.py", "")
        supervisor.until("other.py changed")
        supervisor.until("is stopping: 1 jobs")
        conn.execute("select pg_advisory_unlock(7)")
        supervisor.until("(locked) attempt 1: done")
        worker_pid(supervisor)
        supervisor.signal(signal.SIGINT)
        assert supervisor.end() == 0
    assert not any("cancelled" in line for line in supervisor.lines)


def test_a_mistake_in_the_code_is_waited_out(shell: Shell) -> None:
    """C18: the supervisor says what is wrong, and the next change is another chance."""
    shell.write("app.py", "def oops(:\n")
    with shell.running(*COMMAND) as supervisor:
        supervisor.until("SyntaxError")
        supervisor.until("the worker ended with 2; it starts again when a file changes")
        shell.write("app.py", WORD.format(word="right"))
        worker_pid(supervisor)
        supervisor.signal(signal.SIGINT)
        assert supervisor.end() == 0


def test_signals_mean_what_they_mean_without_a_supervisor(shell: Shell, conn: Connection) -> None:
    """C18: the first drains, the second gives the job back, and its exit code is the worker's."""
    conn.execute("select pg_advisory_lock(7)")
    shell.run("push", "locked", "1")
    with shell.running(*COMMAND) as supervisor:
        pid = worker_pid(supervisor)
        supervisor.until("running")
        supervisor.signal(signal.SIGINT)
        supervisor.until("is stopping")
        supervisor.signal(signal.SIGINT)
        assert supervisor.end() == 130
    gone(pid)
    assert conn.execute("select attempt from pgqueue.jobs").fetchall() == [(0,)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_worker_does_not_outlive_its_supervisor(shell: Shell, number: int) -> None:
    """C18: a terminal that is closed, or a supervisor that is killed, leaves nothing running."""
    with shell.running(*COMMAND) as supervisor:
        pid = worker_pid(supervisor)
        supervisor.signal(number)
        supervisor.until("stopped: drained")
    gone(pid)


def test_without_its_library_it_says_what_to_install(shell: Shell) -> None:
    """C14: one line, exit code 2, and no worker."""
    shell.write("watchfiles.py", "raise ModuleNotFoundError('no', name='watchfiles')\n")
    path = os.pathsep.join([str(shell.folder), os.environ.get("PYTHONPATH", "")])
    ended = shell.run(*COMMAND, PYTHONPATH=path)
    assert ended.code == 2
    assert ended.error == (
        "pgqueue: --reload needs watchfiles: pip install 'pgqueue-driver[reload]'"
    )
