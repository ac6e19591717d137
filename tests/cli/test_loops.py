"""`pgqueue work --loop`: which event loop runs, and that the log knows."""

from __future__ import annotations

import os
import signal

import psycopg
import pytest

from tests.cli.commands import Shell

BLOCKING = """
import os
import psycopg
from pgqueue import Processors

processors = Processors()

@processors.process("blocking")
async def block(payload) -> None:
    with psycopg.connect(os.environ["PGQUEUE_DSN"]) as conn:
        conn.execute("select pg_advisory_lock(7)")
"""


@pytest.fixture
def without(shell: Shell) -> Shell:
    """A shell where uvloop is not installed."""
    shell.write("uvloop.py", "raise ModuleNotFoundError('no', name='uvloop')\n")
    path = os.pathsep.join([str(shell.folder), os.environ.get("PYTHONPATH", "")])
    shell.variables["PYTHONPATH"] = path
    return shell


def loop_of(shell: Shell, *words: str) -> str:
    """Start a worker, ask its log for the loop, and drain it."""
    with shell.running("work", "app:worker", *words) as worker:
        said = worker.until("started with").rpartition(" on ")[2]
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0
    return said


@pytest.mark.parametrize(("words", "said"), [((), "uvloop"), (("--loop", "asyncio"), "asyncio")])
def test_uvloop_is_taken_when_it_is_installed(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    assert loop_of(shell, *words) == said


def test_without_uvloop_asyncio_has_to_do(without: Shell) -> None:
    assert loop_of(without) == "asyncio"


def test_uvloop_that_is_asked_for_and_absent_is_a_usage_error(without: Shell) -> None:
    """C14: one line that says how to get it."""
    ended = without.run("work", "app:worker", "--loop", "uvloop")
    assert ended.code == 2
    assert ended.error == (
        "pgqueue: --loop uvloop needs uvloop: pip install 'pgqueue-driver[uvloop]'"
    )


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_stack_of_a_loop_that_stands_still_begins_in_the_worker(
    shell: Shell, conn: psycopg.Connection[object], loop: str
) -> None:
    """M11: what lies below the loop is of no interest."""
    shell.write("blocking.py", BLOCKING)
    conn.execute("select pg_advisory_lock(7)")
    assert shell.run("push", "blocking", "1").code == 0
    words = ("work", "blocking:processors", "--loop", loop)
    with shell.running(*words, PGQUEUE_HEARTBEAT="100ms", PGQUEUE_LEASE="1s") as worker:
        stack = worker.until("the event loop stands still").partition("It is at:")[2]
        conn.execute("select pg_advisory_unlock(7)")
        worker.until("(blocking) attempt 1: done")
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0
    assert "pgqueue/worker/runner.py" in stack.partition(", line ")[0]
    assert "in block" in stack
