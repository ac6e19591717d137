"""What the signals mean to a worker process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from tests.cli.commands import Running, Shell
from tests.worker.running import PATIENCE

Connection = psycopg.Connection[Any]

WAITS = """
select exists (
  select from pg_locks
  where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())
)"""

both_loops = pytest.mark.parametrize("loop", ["uvloop", "asyncio"])


@contextmanager
def worker_at(shell: Shell, queue: str, loop: str = "auto", **variables: str) -> Iterator[Running]:
    """A worker that is in the middle of a job of this queue."""
    assert shell.run("push", queue, "1").code == 0
    words = ("work", "app:worker", "--queue", queue, "--loop", loop)
    with shell.running(*words, **variables) as worker:
        worker.until("running")
        yield worker


def wait_for_its_statement(conn: Connection) -> None:
    """Wait until the handler's statement waits: a cancellation before that the server ignores."""
    deadline = monotonic() + PATIENCE
    while conn.execute(WAITS).fetchone() != (True,):
        assert monotonic() < deadline, "the handler's statement did not begin"
        sleep(0.01)


def attempts(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("select attempt from pgqueue.jobs order by id")]


@both_loops
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_the_running_job_finish_and_claims_no_other(
    shell: Shell, conn: Connection, number: signal.Signals, loop: str
) -> None:
    """C18, B21, M16: the current job finishes, none is claimed, and the exit code is 0."""
    conn.execute("select pg_advisory_lock(7)")
    with worker_at(shell, "locked", loop) as worker:
        worker.signal(number)
        worker.until(f"{number.name}: what runs may finish")
        worker.until("is stopping")
        assert shell.run("push", "locked", "2").code == 0
        conn.execute("select pg_advisory_unlock(7)")
        assert worker.end() == 0
    assert attempts(conn) == [0]
    assert "stopped: drained" in worker.lines[-1]


@both_loops
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_gives_the_running_job_back_uncounted(
    shell: Shell, conn: Connection, number: signal.Signals, code: int, loop: str
) -> None:
    """C18, M16, B22: a second signal cancels and releases at once."""
    conn.execute("select pg_advisory_lock(7)")
    with worker_at(shell, "locked", loop) as worker:
        worker.signal(signal.SIGTERM)
        worker.until("is stopping")
        assert attempts(conn) == [1]
        wait_for_its_statement(conn)
        worker.signal(number)
        worker.until("what runs is given back at once")
        assert worker.end() == code
    assert attempts(conn) == [0]
    assert "stopped: released at once" in worker.lines[-1]


@both_loops
def test_the_third_signal_ends_the_process_where_it_stands(
    shell: Shell, conn: Connection, loop: str
) -> None:
    """M16: also when a handler heeds nothing, and nothing more is written."""
    with worker_at(shell, "stubborn", loop) as worker:
        worker.signal(signal.SIGTERM)
        worker.until("is stopping")
        worker.signal(signal.SIGTERM)
        worker.until("cancelled")
        worker.signal(signal.SIGINT)
        assert worker.end() == 130
    assert not any("stopped" in line for line in worker.lines)


@pytest.mark.parametrize("queue", ["stuck", "stubborn"])
def test_a_handler_that_never_ends_does_not_keep_a_drained_worker(
    shell: Shell, conn: Connection, queue: str
) -> None:
    with worker_at(shell, queue, PGQUEUE_SHUTDOWN_TIMEOUT="0s") as worker:
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0


@both_loops
def test_a_stuck_thread_does_not_keep_a_worker_that_was_told_twice(
    shell: Shell, conn: Connection, loop: str
) -> None:
    """M16: its job is given back uncounted, and the process ends."""
    with worker_at(shell, "stuck", loop) as worker:
        worker.signal(signal.SIGTERM)
        worker.until("is stopping")
        worker.signal(signal.SIGTERM)
        assert worker.end() == 143
    assert "left with threads still running" in worker.lines[-1]
    assert attempts(conn) == [0]


@both_loops
def test_a_worker_whose_slots_are_all_stuck_ends_by_itself(
    shell: Shell, conn: Connection, loop: str
) -> None:
    """M13, P6: it says where the thread stands, gives up the attempt and exits with 75."""
    with worker_at(
        shell, "late", loop, PGQUEUE_CONCURRENCY="1", PGQUEUE_BACKOFF="fixed(1h)"
    ) as worker:
        assert worker.end() == 75
    log = "\n".join(worker.lines)
    assert "its handler does not end. It is at:" in log
    assert "in late" in log
    assert "stops: 1 handlers are stuck, as many as it has slots" in log
    failures = conn.execute("select attempt, failures -> 0 ->> 'error' from pgqueue.scheduled_jobs")
    assert failures.fetchall() == [(1, "TimeoutError: it took longer than 100ms")]
