import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pgqueue_migrations
import psycopg
import pytest
from pgqueue_migrations import MigrationError, commands

REVISION = """
from alembic import op

revision, down_revision = "pgq_9001", {head!r}


def upgrade():
{body}

def downgrade():
    pass
"""

FAILS_HALF_WAY = """
    op.execute("create table pgqueue.half (id bigint)")
    op.execute("select 1 / 0")
"""

BUILDS_AN_INDEX_WITHOUT_BLOCKING = """
    with op.get_context().autocommit_block():
        op.execute("create index concurrently extra on pgqueue.jobs (visible_at)")
"""

Extend = Callable[[str], None]


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extend:
    """Adds a revision after the newest one."""
    configured = commands._config
    original = Path(pgqueue_migrations.__file__).parent / "versions"
    head = pgqueue_migrations.head()

    def config(*arguments: Any) -> Any:
        config = configured(*arguments)
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{original}\n{tmp_path}")
        return config

    def add(body: str) -> None:
        (tmp_path / "pgq_9001.py").write_text(REVISION.format(head=head, body=body))
        monkeypatch.setattr(commands, "_config", config)

    return add


def test_a_failing_revision_leaves_the_earlier_ones_and_nothing_of_itself(
    empty_dsn: str, next_revision: Extend
) -> None:
    first = pgqueue_migrations.head()
    next_revision(FAILS_HALF_WAY)

    with pytest.raises(MigrationError, match="division by zero"):
        pgqueue_migrations.upgrade(empty_dsn)

    assert pgqueue_migrations.current(empty_dsn) == first
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select to_regclass('pgqueue.half')").fetchone() == (None,)


def test_several_can_migrate_at_once_over_an_index_built_concurrently(
    empty_dsn: str, next_revision: Extend
) -> None:
    """C25: waiting for the migration lock never blocks the one who has it."""
    next_revision(BUILDS_AN_INDEX_WITHOUT_BLOCKING)
    start = threading.Barrier(3)

    def migrate(_: int) -> None:
        start.wait()
        pgqueue_migrations.upgrade(empty_dsn)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, range(3)))

    assert pgqueue_migrations.current(empty_dsn) == "pgq_9001"


def test_an_upgrade_to_an_older_revision_changes_nothing(
    empty_dsn: str, next_revision: Extend
) -> None:
    """K15: only a downgrade goes back."""
    first = pgqueue_migrations.head()
    next_revision("    pass\n")
    pgqueue_migrations.upgrade(empty_dsn)
    pgqueue_migrations.upgrade(empty_dsn, first)
    assert pgqueue_migrations.current(empty_dsn) == "pgq_9001"

    pgqueue_migrations.downgrade(empty_dsn, first)
    assert pgqueue_migrations.current(empty_dsn) == first


def test_a_script_for_a_range_holds_only_the_later_revisions(next_revision: Extend) -> None:
    """C25: a DBA upgrades from what is there, one transaction a revision."""
    first, before = pgqueue_migrations.head(), pgqueue_migrations.sql().count("BEGIN;")
    next_revision('    op.execute("create table pgqueue.more (id bigint)")\n')
    script = pgqueue_migrations.sql(f"{first}:head")

    assert "pgqueue.more" in script
    assert "pgqueue.jobs" not in script
    assert script.count("BEGIN;") == script.count("COMMIT;") == 1
    assert pgqueue_migrations.sql().count("BEGIN;") == before + 1
