import pgqueue_migrations
import psycopg
import pytest

from tests.migrations.catalog import uncommented


def test_every_object_has_a_comment(empty_dsn: str) -> None:
    """An operator learns the schema from psql's \\d+ alone."""
    pgqueue_migrations.upgrade(empty_dsn)
    with psycopg.connect(empty_dsn) as conn:
        assert uncommented(conn) == []


@pytest.mark.parametrize(
    ("kind", "identity", "target"),
    [
        ("schema", "pgqueue", "schema pgqueue"),
        ("table", "pgqueue.jobs", "table pgqueue.jobs"),
        ("table", "pgqueue.archived_jobs", "table pgqueue.archived_jobs"),
        ("table column", "pgqueue.jobs.lease", "column pgqueue.jobs.lease"),
        ("view", "pgqueue.all_jobs", "view pgqueue.all_jobs"),
        ("view column", "pgqueue.all_jobs.state", "column pgqueue.all_jobs.state"),
        ("index", "pgqueue.jobs_pkey", "index pgqueue.jobs_pkey"),
        ("index", "pgqueue.archived_jobs_pkey", "index pgqueue.archived_jobs_pkey"),
        ("sequence", "pgqueue.positions", "sequence pgqueue.positions"),
        ("function", "pgqueue.bell(pg_catalog.text)", "function pgqueue.bell(text)"),
    ],
)
def test_a_missing_comment_is_found(empty_dsn: str, kind: str, identity: str, target: str) -> None:
    pgqueue_migrations.upgrade(empty_dsn)
    with psycopg.connect(empty_dsn) as conn:
        before = uncommented(conn)
        conn.execute(f"comment on {target} is null".encode())
        assert (kind, identity.replace("pg_catalog.", "")) in {
            (found, name.replace("pg_catalog.", "")) for found, name in uncommented(conn)
        } - set(before)
