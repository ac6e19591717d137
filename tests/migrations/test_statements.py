import io
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from pgqueue_migrations.statements import statement

TEXT = ":word 100% %s %(name)s %% a::text 'x'[1:2] \\:"
FILES = f"""-- 5% of :this is a comment
comment on schema public is $${TEXT}$$;
comment on database "DATABASE" is $${TEXT}$$;
"""


def comments(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            "select obj_description('public'::regnamespace) union all "
            "select shobj_description(oid, 'pg_database') from pg_database "
            "where datname = current_database()"
        ).fetchall()
    return [text for (text,) in rows]


@pytest.fixture
def file(tmp_path: Path, empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    with psycopg.connect(empty_dsn) as conn:
        name = conn.info.dbname
    (tmp_path / "file.sql").write_text(FILES.replace("DATABASE", name))
    monkeypatch.setattr("pgqueue_migrations.statements._FOLDER", tmp_path)
    return "file.sql"


def test_colons_and_percent_signs_reach_the_database_as_written(empty_dsn: str, file: str) -> None:
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(empty_dsn),
        poolclass=sa.pool.NullPool,
    )
    with engine.begin() as connection:
        connection.execute(statement(file))

    assert comments(empty_dsn) == [TEXT, TEXT]


def test_colons_and_percent_signs_are_printed_as_written(empty_dsn: str, file: str) -> None:
    """K15: what a script says is what an upgrade does."""
    printed = io.StringIO()
    MigrationContext.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        opts={"as_sql": True, "output_buffer": printed},
    ).execute(statement(file))
    with psycopg.connect(empty_dsn) as conn:
        conn.execute(printed.getvalue().encode())

    assert comments(empty_dsn) == [TEXT, TEXT]
