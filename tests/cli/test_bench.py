"""`pgqueue bench` on a real database, with a real worker, in a schema that never stays."""

from __future__ import annotations

import signal

import psycopg
import pytest

from tests.cli.commands import Shell

SMALL = ("bench", "--jobs", "200", "--pushes", "20")
SCHEMAS = "select nspname from pg_namespace where starts_with(nspname, 'pgqueue_bench_')"
WORKERS = """
select count(*) from pg_stat_activity
where application_name ~ '^pgqueue:(worker|job)' and datname = current_database()
"""
MEASURED = [
    "push one, alone, p50",
    "push one, alone, p99",
    "push many in one transaction",
    "drain, concurrency 100",
    "from push to start, idle worker, p50",
    "from push to start, idle worker, p99",
    "drain, xmin held",
    "drain, xmin still held",
]


def left(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as conn:
        return [name for (name,) in conn.execute(SCHEMAS)]


def until_nobody_works(dsn: str) -> None:
    """Return once the server has seen the worker's connections go; a lasting one fails the test."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        while conn.execute(WORKERS).fetchone() != (0,):
            conn.execute("select pg_sleep(0.05)")


def test_it_measures_a_database_and_leaves_nothing_in_it(shell: Shell) -> None:
    """Throughput, latencies and a held xmin, in a schema of its own that it drops."""
    ended = shell.run(*SMALL, "--json")
    assert ended.code == 0, ended.err
    found = {one["what"]: one["value"] for one in ended.objects}
    assert [what for what in found if what in MEASURED] == MEASURED
    assert all(found[what] > 0 for what in MEASURED)
    assert found["server_version"]
    assert left(shell.dsn) == []
    with psycopg.connect(shell.dsn) as conn:
        [jobs] = conn.execute("select count(*) from pgqueue.jobs").fetchone() or [None]
    assert jobs == 0


def test_the_table_is_for_people(shell: Shell) -> None:
    """What is printed names each figure and its unit."""
    ended = shell.run(*SMALL, "-c", "5")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].split() == ["what", "value", "unit"]
    assert any(line.startswith("drain, concurrency 5 ") and "jobs/s" in line for line in lines)
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_its_schema(shell: Shell, number: int, code: int) -> None:
    """On Ctrl-C the schema is dropped, and the worker is gone."""
    with shell.running("bench", "--jobs", "100000", "--pushes", "100000") as bench:
        bench.until("oldest snapshot")
        assert len(left(shell.dsn)) == 1
        bench.signal(number)
        assert bench.end() == code
    assert left(shell.dsn) == []


def test_a_signal_while_its_worker_works_ends_both(shell: Shell) -> None:
    """The worker does not outlive the benchmark."""
    with shell.running("bench", "--jobs", "100", "--pushes", "50000") as bench:
        bench.until("drain, concurrency 100")
        bench.signal(signal.SIGINT)
        assert bench.end() == 130
    assert left(shell.dsn) == []
    until_nobody_works(shell.dsn)


def test_what_a_killed_benchmark_left_is_named(shell: Shell) -> None:
    """Nothing is silent: a leftover schema is named, and not touched."""
    with psycopg.connect(shell.dsn, autocommit=True) as conn:
        conn.execute("create schema pgqueue_bench_0123")
    ended = shell.run(*SMALL)
    assert ended.code == 0
    assert "drop schema pgqueue_bench_0123 cascade" in ended.err
    assert left(shell.dsn) == ["pgqueue_bench_0123"]


def test_what_cannot_be_measured_is_refused(shell: Shell) -> None:
    """A driver without a database, and a database that only reads, end it with one line."""
    ended = shell.run(*SMALL, PGQUEUE_DRIVER="memory")
    assert ended.code == 2
    assert "PGQUEUE_DRIVER" in ended.error
    with psycopg.connect(shell.dsn, autocommit=True) as conn:
        [name] = conn.execute("select current_database()").fetchone() or [""]
        conn.execute(f"alter database {name} set default_transaction_read_only = on")
    ended = shell.run(*SMALL)
    assert ended.code == 1
    assert "pgqueue: " in ended.error
