import traceback

import pgqueue_migrations
import psycopg
import pytest
from pgqueue_migrations import MigrationError, connect
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.migrations.catalog import fingerprint


def execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def test_a_newer_schema_is_neither_upgraded_nor_downgraded(empty_dsn: str) -> None:
    """C25: old code leaves a new schema alone."""
    pgqueue_migrations.upgrade(empty_dsn)
    execute(empty_dsn, "update pgqueue.alembic_version set version_num = 'pgq_9999'")
    catalog = fingerprint(empty_dsn)

    for migrate in (pgqueue_migrations.upgrade, pgqueue_migrations.downgrade):
        for revision in ("head", "pgq_0001", "base"):
            with pytest.raises(MigrationError, match="pgq_9999, newer than this code"):
                migrate(empty_dsn, revision)

    assert fingerprint(empty_dsn) == catalog
    assert pgqueue_migrations.current(empty_dsn) == "pgq_9999"


def test_a_schema_without_a_recorded_revision_is_left_alone(empty_dsn: str) -> None:
    execute(empty_dsn, "create schema pgqueue", "create table pgqueue.jobs (id bigint)")
    with pytest.raises(MigrationError, match=r"already holds jobs.*nothing was changed"):
        pgqueue_migrations.upgrade(empty_dsn)
    assert pgqueue_migrations.current(empty_dsn) is None


def test_an_unknown_revision_is_refused_with_the_newest_known_one(empty_dsn: str) -> None:
    for migrate in (pgqueue_migrations.upgrade, pgqueue_migrations.downgrade):
        with pytest.raises(MigrationError, match=r"'pgq_0000'.*newest.*pgq_0003"):
            migrate(empty_dsn, "pgq_0000")
    assert fingerprint(empty_dsn) == {}


def test_a_busy_table_stops_a_migration_which_leaves_nothing_half_done(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgqueue_migrations.errors.LOCK_TIMEOUT", "50ms")
    pgqueue_migrations.upgrade(empty_dsn)
    catalog = fingerprint(empty_dsn)

    with psycopg.connect(empty_dsn) as busy:
        busy.execute("select from pgqueue.jobs, pgqueue.unique_keys")
        with pytest.raises(MigrationError, match=r"held a lock for more than 50ms.*run it again"):
            pgqueue_migrations.downgrade(empty_dsn, "base")

    assert fingerprint(empty_dsn) == catalog
    pgqueue_migrations.downgrade(empty_dsn, "base")


def test_a_migration_waits_only_so_long_for_another_one(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgqueue_migrations.connect.PATIENCE", 0)
    with (
        connect.connected(empty_dsn) as other,
        connect.exclusive(other),
        pytest.raises(MigrationError, match="another migration of schema pgqueue"),
    ):
        pgqueue_migrations.upgrade(empty_dsn)
    pgqueue_migrations.upgrade(empty_dsn)


def test_a_plain_role_migrates_once_it_may_create_the_schema(empty_dsn: str) -> None:
    database = conninfo_to_dict(empty_dsn)["dbname"]
    role = f"stranger_{database}"
    execute(empty_dsn, f'create role "{role}"')
    try:
        stranger = make_conninfo(empty_dsn, options=f"-c role={role}")
        with pytest.raises(MigrationError, match=r"permission denied.*granted CREATE"):
            pgqueue_migrations.upgrade(stranger)

        execute(empty_dsn, f'grant create on database "{database}" to "{role}"')
        pgqueue_migrations.upgrade(stranger)
    finally:
        execute(empty_dsn, f'drop owned by "{role}" cascade', f'drop role "{role}"')


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://someone:s3cret@127.0.0.1:1/nowhere",
        "host=127.0.0.1 port=1 user=someone password=s3cret",
        "host=127.0.0.1 password=half s3cret",
        "postgresql://someone:half@s3cret@127.0.0.1:1/nowhere",
        "postgresql://someone:s3cret/half@127.0.0.1:1/nowhere",
        "postgresql://someone:1/s3cret@127.0.0.1:1/nowhere",
        "postgresql://someone:%zzs3cret@127.0.0.1:1/nowhere",
        "someone:s3cret@127.0.0.1",
    ],
)
def test_an_unreachable_database_is_reported_without_the_password(dsn: str) -> None:
    with pytest.raises(MigrationError, match="cannot connect to the database") as caught:
        pgqueue_migrations.upgrade(dsn)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_password_is_not_shown(empty_dsn: str) -> None:
    wrong = make_conninfo(empty_dsn, user="nobody_here", password="s3cret", dbname="nowhere")
    with pytest.raises(MigrationError, match="cannot connect to the database") as caught:
        pgqueue_migrations.current(wrong)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
