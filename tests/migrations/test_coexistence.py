from pathlib import Path

import pgqueue_migrations
import pytest
from alembic import command
from alembic.util import CommandError

from tests.migrations.application import Application
from tests.migrations.catalog import fingerprint, without_ledger

OUR_REVISIONS_IN_YOURS = """
from alembic.config import Config
from alembic.script import ScriptDirectory

revision, down_revision = "app_0002", "app_0001"
config = Config()
config.set_main_option("script_location", "pgqueue_migrations:")
pgqueue = ScriptDirectory.from_config(config)


def upgrade():
    for script in reversed(list(pgqueue.walk_revisions("base", "pgq_0003"))):
        script.module.upgrade()


def downgrade():
    for script in pgqueue.walk_revisions("base", "pgq_0003"):
        script.module.downgrade()
"""


@pytest.fixture
def application(tmp_path: Path, empty_dsn: str) -> Application:
    return Application(tmp_path, empty_dsn)


def test_the_applications_own_history_is_never_touched(
    application: Application, empty_dsn: str
) -> None:
    """K15: standalone, beside an application that uses Alembic itself."""
    application.alembic(command.upgrade, "head")
    pgqueue_migrations.upgrade(empty_dsn)
    application.alembic(command.check)
    pgqueue_migrations.downgrade(empty_dsn, "base")
    pgqueue_migrations.upgrade(empty_dsn)

    assert application.revisions() == {"app_0001"}
    application.alembic(command.downgrade, "base")
    assert pgqueue_migrations.current(empty_dsn) == pgqueue_migrations.head()


def test_autogenerate_over_all_schemas_does_not_drop_our_tables(
    application: Application, empty_dsn: str
) -> None:
    """K15: include_name hides schema pgqueue; without it Alembic wants to drop everything in it."""
    application.alembic(command.upgrade, "head")
    pgqueue_migrations.upgrade(empty_dsn)

    with pytest.raises(CommandError, match=r"remove_table.*dead_jobs"):
        application.alembic(command.check, include_schemas=True)
    application.alembic(
        command.check, include_schemas=True, include_name=pgqueue_migrations.include_name
    )


def test_include_name_hides_our_schema_and_nothing_else() -> None:
    include = pgqueue_migrations.include_name
    assert not include("pgqueue", "schema", {})
    assert not include("jobs", "table", {"schema_name": "pgqueue"})
    assert not include("jobs_lane", "index", {"schema_name": "pgqueue", "table_name": "jobs"})
    assert include(None, "schema", {})
    assert include("pgqueue", "table", {"schema_name": None})
    assert include("jobs", "table", {"schema_name": "public"})


def test_our_revisions_run_as_a_branch_of_the_applications_history(
    application: Application, empty_dsn: str, dsn: str
) -> None:
    """K15: inside the user's own history, as the branch pgqueue@head."""
    application.version_locations.append("pgqueue_migrations:versions")
    application.alembic(command.upgrade, "pgqueue@head")
    application.alembic(command.upgrade, "heads")

    assert application.revisions() == {"app_0001", pgqueue_migrations.head()}
    assert without_ledger(fingerprint(empty_dsn)) == without_ledger(fingerprint(dsn))
    application.alembic(command.check)
    with pytest.raises(pgqueue_migrations.MigrationError, match="application's own Alembic"):
        pgqueue_migrations.upgrade(empty_dsn)
    application.alembic(command.downgrade, "pgqueue@base")
    assert application.revisions() == {"app_0001"}


def test_a_revision_of_the_application_can_run_ours(
    application: Application, empty_dsn: str, dsn: str
) -> None:
    """K15: inside the user's own history, pinned by one of its own revisions."""
    application.add_revision("app_0002", OUR_REVISIONS_IN_YOURS)
    application.alembic(command.upgrade, "head")

    assert application.revisions() == {"app_0002"}
    assert without_ledger(fingerprint(empty_dsn)) == without_ledger(fingerprint(dsn))
    application.alembic(command.downgrade, "app_0001")
    assert without_ledger(fingerprint(empty_dsn)) == {("schema", "pgqueue"): ""}
