import pgqueue_migrations
import psycopg
import pytest

from tests.migrations.catalog import fingerprint


@pytest.mark.parametrize("revision", ["head", "base:head", "pgq_0003"])
def test_the_printed_script_does_what_upgrade_does(empty_dsn: str, dsn: str, revision: str) -> None:
    """C25, K15: a DBA can read the SQL first, and run it without this code."""
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute(pgqueue_migrations.sql(revision).encode())

    assert fingerprint(empty_dsn) == fingerprint(dsn)
    assert pgqueue_migrations.current(empty_dsn) == pgqueue_migrations.head()
    pgqueue_migrations.upgrade(empty_dsn)


def test_a_script_from_the_newest_revision_on_creates_no_table() -> None:
    assert "create table" not in pgqueue_migrations.sql("pgq_0003:head").lower()


def test_a_script_from_an_unknown_revision_is_refused() -> None:
    with pytest.raises(pgqueue_migrations.MigrationError, match=r"pgq_0000:head.*pgq_0003"):
        pgqueue_migrations.sql("pgq_0000:head")
