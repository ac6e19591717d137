import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from runpy import run_path

import pgqueue_migrations
import psycopg
import pytest

from tests.migrations.catalog import fingerprint, without_ledger

MIGRATE_WHEN_TOLD = """
import os, sys
import alembic.command, sqlalchemy, pgqueue_migrations
print("ready", flush=True)
sys.stdin.readline()
pgqueue_migrations.upgrade(os.environ["MIGRATE_DSN"])
"""


def test_a_fresh_database_is_brought_to_the_newest_revision(empty_dsn: str) -> None:
    """C25: one call sets everything up."""
    assert pgqueue_migrations.current(empty_dsn) is None
    pgqueue_migrations.upgrade(empty_dsn)

    assert pgqueue_migrations.current(empty_dsn) == pgqueue_migrations.head() == "pgq_0003"
    with psycopg.connect(empty_dsn) as conn:
        job_id = conn.execute("select pgqueue.push('email', '{}')").fetchone()
        assert job_id == conn.execute("select id from pgqueue.jobs").fetchone()


def test_migrating_again_changes_nothing(empty_dsn: str) -> None:
    """C25: idempotent."""
    pgqueue_migrations.upgrade(empty_dsn)
    catalog = fingerprint(empty_dsn)
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("select pgqueue.push('email', '{}')")

    pgqueue_migrations.upgrade(empty_dsn)

    assert fingerprint(empty_dsn) == catalog
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select count(*) from pgqueue.jobs").fetchone() == (1,)


def test_five_processes_can_migrate_at_once(empty_dsn: str) -> None:
    """C25: every replica of a deployment may migrate at its start."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE_WHEN_TOLD],
            env={**os.environ, "MIGRATE_DSN": empty_dsn},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    complaints = [process.communicate(timeout=60)[1] for process in processes]

    assert [process.returncode for process in processes] == [0] * 5, "\n".join(complaints)
    with psycopg.connect(empty_dsn) as conn:
        rows = conn.execute("select version_num from pgqueue.alembic_version").fetchall()
    assert rows == [(pgqueue_migrations.head(),)]


def test_five_threads_can_migrate_at_once(empty_dsn: str) -> None:
    """C25: Alembic's module globals do not leak from one thread into another."""
    start = threading.Barrier(5)

    def migrate(_: int) -> str:
        start.wait()
        script = pgqueue_migrations.sql()
        pgqueue_migrations.upgrade(empty_dsn)
        return script

    with ThreadPoolExecutor(5) as pool:
        scripts = list(pool.map(migrate, range(5)))

    assert set(scripts) == {pgqueue_migrations.sql()}
    assert pgqueue_migrations.current(empty_dsn) == pgqueue_migrations.head()


def test_a_downgrade_leaves_only_the_empty_ledger(empty_dsn: str) -> None:
    """K15: a downgrade drops what its upgrade created."""
    pgqueue_migrations.upgrade(empty_dsn)
    pgqueue_migrations.downgrade(empty_dsn, "base")

    catalog = fingerprint(empty_dsn)
    assert without_ledger(catalog) == {("schema", "pgqueue"): ""}
    assert ("relation", "alembic_version") in catalog
    assert pgqueue_migrations.current(empty_dsn) is None


@pytest.mark.parametrize("revision", ["pgq_0001", "pgq_0002"])
def test_a_downgrade_to_a_revision_leaves_what_it_had_made(empty_dsn: str, revision: str) -> None:
    """K15: each revision takes back what it did, comments and functions included."""
    pgqueue_migrations.upgrade(empty_dsn, revision)
    before = fingerprint(empty_dsn)
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("select pgqueue.push('email', '{}', expires_in => '1 h')")
    pgqueue_migrations.upgrade(empty_dsn)

    pgqueue_migrations.downgrade(empty_dsn, revision)

    assert fingerprint(empty_dsn) == before
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select count(*) from pgqueue.jobs").fetchone() == (1,)


def test_down_and_up_again_gives_the_same_catalog(empty_dsn: str) -> None:
    """K15: nothing is lost or left over on the way back."""
    pgqueue_migrations.upgrade(empty_dsn)
    catalog = fingerprint(empty_dsn)

    pgqueue_migrations.downgrade(empty_dsn, "base")
    pgqueue_migrations.upgrade(empty_dsn)

    assert fingerprint(empty_dsn) == catalog


def test_the_catalog_comparison_sees_every_kind_of_change(empty_dsn: str) -> None:
    pgqueue_migrations.upgrade(empty_dsn)
    seen = fingerprint(empty_dsn)
    for change in (
        "comment on column pgqueue.jobs.id is 'other'",
        "alter table pgqueue.jobs alter column priority set default 6",
        "alter domain pgqueue.priority drop constraint priority_range",
        "drop index pgqueue.jobs_lane",
        "alter sequence pgqueue.positions cache 2",
        "create or replace view pgqueue.all_jobs as select * from pgqueue.all_jobs limit 1",
        "create or replace function pgqueue.bell(queue text) returns integer "
        "language sql immutable parallel safe return 1",
        "alter table pgqueue.jobs set (fillfactor = 51)",
        "grant select on pgqueue.jobs to public",
    ):
        with psycopg.connect(empty_dsn) as conn:
            conn.execute(change)
        now = fingerprint(empty_dsn)
        assert now != seen, change
        seen = now


@pytest.mark.parametrize(("number", "name"), [("0001", "first_schema"), ("0002", "dead_letters")])
def test_every_sql_file_of_a_revision_is_run_by_it(number: str, name: str) -> None:
    """A file that was written but not listed would never reach a database."""
    root = resources.files("pgqueue_migrations")
    revision = run_path(str(root / "versions" / f"pgq_{number}_{name}.py"))
    folder = {file.name for file in (root / "sql" / number).iterdir()}

    assert sorted(revision["FILES"]) == sorted(folder)


def test_importing_the_package_loads_no_migration_tool() -> None:
    """K15: Alembic and SQLAlchemy are not imported at run time."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import pgqueue_migrations, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert "pgqueue_migrations.commands" in loaded
    assert not {"alembic", "sqlalchemy"} & set(loaded)
