"""Several schemas in one database: each with its own tables, ledger, lock, bells and channel."""

from __future__ import annotations

import functools
from pathlib import Path

import pgqueue_migrations
import psycopg
import pytest
from alembic import command
from pgqueue_migrations import MigrationError, connect
from pgqueue_migrations.schemas import within

from tests.migrations.application import Application
from tests.migrations.catalog import fingerprint, without_ledger

HEAD = pgqueue_migrations.head()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("select from pgqueue.jobs", 'select from "reports".jobs'),
        ("(pgqueue.push)", '("reports".push)'),
        ("create schema pgqueue;", 'create schema "reports";'),
        ("pg_notify('pgqueue', queue)", "pg_notify('reports', queue)"),
        ("nextval('pgqueue.positions')", "nextval('reports.positions')"),
        ("is 'See pgqueue.jobs; it''s pgqueue'", "is 'See reports.jobs; it''s reports'"),
        ("-- it's pgqueue.jobs\npgqueue.jobs", '-- it\'s reports.jobs\n"reports".jobs'),
        ("$$ pgqueue.jobs 'pgqueue.jobs' $$", "$$ \"reports\".jobs 'reports.jobs' $$"),
        ("my_pgqueue.jobs pgqueues.jobs", "my_pgqueue.jobs pgqueues.jobs"),
        ('other.pgqueue.x "pgqueue".x', 'other.pgqueue.x "pgqueue".x'),
    ],
)
def test_the_word_is_replaced_wherever_it_means_the_schema(written: str, meant: str) -> None:
    assert within("reports", written) == meant
    assert within("pgqueue", written) == written


@pytest.mark.parametrize("schema", ["reports", "user", "a" * 41])
def test_a_schema_of_another_name_is_the_same_in_everything_but_the_name(
    empty_dsn: str, dsn: str, schema: str
) -> None:
    """C05: also a reserved word, and the longest name."""
    pgqueue_migrations.upgrade(empty_dsn, schema=schema)
    assert fingerprint(empty_dsn, schema) == fingerprint(dsn)
    assert pgqueue_migrations.current(empty_dsn, schema) == HEAD
    assert pgqueue_migrations.current(empty_dsn) is None
    with psycopg.connect(empty_dsn) as conn:
        conn.execute(f"""select "{schema}".push('email', '1', delay => '1 s')""".encode())
        conn.execute(f"""select "{schema}".push('email', '1')""".encode())
        found = conn.execute(f'select id from "{schema}".all_jobs order by id'.encode()).fetchall()
    assert found == [(1,), (2,)]


def test_a_downgrade_of_one_schema_leaves_the_other(empty_dsn: str) -> None:
    """C05, K15: two schemas of one database know nothing of each other."""
    pgqueue_migrations.upgrade(empty_dsn)
    pgqueue_migrations.upgrade(empty_dsn, schema="reports")
    first = fingerprint(empty_dsn)

    pgqueue_migrations.downgrade(empty_dsn, "base", "reports")
    assert fingerprint(empty_dsn) == first
    assert without_ledger(fingerprint(empty_dsn, "reports")) == {("schema", "pgqueue"): ""}
    assert pgqueue_migrations.current(empty_dsn) == HEAD
    assert pgqueue_migrations.current(empty_dsn, "reports") is None
    pgqueue_migrations.upgrade(empty_dsn, schema="reports")
    pgqueue_migrations.downgrade(empty_dsn, "base")
    assert fingerprint(empty_dsn, "reports") == first


def test_the_printed_script_is_for_the_schema_that_was_asked_for(empty_dsn: str, dsn: str) -> None:
    """C25: a DBA runs it as it is."""
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute(pgqueue_migrations.sql(schema="reports").encode())
    assert fingerprint(empty_dsn, "reports") == fingerprint(dsn)
    assert fingerprint(empty_dsn) == {}


def test_a_migration_does_not_wait_for_one_of_another_schema(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgqueue_migrations.connect.PATIENCE", 0)
    with connect.connected(empty_dsn) as other, connect.exclusive(other, "reports"):
        pgqueue_migrations.upgrade(empty_dsn)
        with pytest.raises(MigrationError, match="another migration of schema reports"):
            pgqueue_migrations.upgrade(empty_dsn, schema="reports")


@pytest.mark.parametrize(
    "schema", ["", "Reports", "a b", "1st", "pg_mine", "a" * 42, 'x"; --', "ü"]
)
def test_a_name_that_cannot_be_a_schema_is_refused_before_anything_is_asked(schema: str) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    refused = functools.partial(
        pytest.raises, MigrationError, match=r"schema name .* is not usable"
    )
    with refused():
        pgqueue_migrations.upgrade(nowhere, schema=schema)
    with refused():
        pgqueue_migrations.downgrade(nowhere, "base", schema)
    with refused():
        pgqueue_migrations.current(nowhere, schema)
    with refused():
        pgqueue_migrations.sql(schema=schema)


def test_a_foreign_table_in_the_schema_stops_the_migration(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("create schema reports")
        conn.execute("create table reports.jobs (id int)")
    with pytest.raises(MigrationError, match="schema reports already holds jobs"):
        pgqueue_migrations.upgrade(empty_dsn, schema="reports")
    pgqueue_migrations.upgrade(empty_dsn)


def test_an_applications_own_alembic_can_name_the_schema(
    empty_dsn: str, dsn: str, tmp_path: Path
) -> None:
    """K15: by pgqueue_schema, which its env.py hands to context.configure()."""
    application = Application(tmp_path, empty_dsn)
    application.version_locations.append("pgqueue_migrations:versions")
    application.alembic(command.upgrade, "pgqueue@head", pgqueue_schema="reports")
    application.alembic(command.upgrade, "heads", pgqueue_schema="reports")
    assert without_ledger(fingerprint(empty_dsn, "reports")) == without_ledger(fingerprint(dsn))
    assert fingerprint(empty_dsn) == {}
    mine = functools.partial(pgqueue_migrations.include_name, schema="reports")
    application.alembic(command.check, include_schemas=True, include_name=mine)
    application.alembic(command.downgrade, "pgqueue@base", pgqueue_schema="reports")
    assert without_ledger(fingerprint(empty_dsn, "reports")) == {("schema", "pgqueue"): ""}
