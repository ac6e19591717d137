"""An application with an Alembic history of its own, as pgqueue meets it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.config import Config

ENV = """
import sqlalchemy as sa
from alembic import context

metadata = sa.MetaData()
sa.Table("orders", metadata, sa.Column("id", sa.Integer, primary_key=True))
attributes = context.config.attributes
context.configure(
    connection=attributes["connection"], target_metadata=metadata, **attributes["options"]
)
with context.begin_transaction():
    context.run_migrations()
"""

ORDERS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "app_0001", None


def upgrade():
    op.create_table("orders", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("orders")
"""


class Application:
    """Its env.py knows one table, orders, which its first revision creates."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self._folder = folder
        self._dsn = dsn
        (folder / "versions").mkdir()
        (folder / "env.py").write_text(ENV)
        (folder / "script.py.mako").write_text("")
        self.add_revision("app_0001", ORDERS)
        self.version_locations = [str(folder / "versions")]

    def add_revision(self, name: str, source: str) -> None:
        """Write one more revision file."""
        (self._folder / "versions" / f"{name}.py").write_text(source)

    def alembic(self, command: Callable[..., Any], *arguments: str, **options: Any) -> None:
        """Run an Alembic command; the options go to the application's context.configure()."""
        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self._dsn),
            poolclass=sa.pool.NullPool,
        )
        with engine.connect() as connection:
            config = Config(attributes={"connection": connection, "options": options})
            config.set_main_option("script_location", str(self._folder))
            config.set_main_option("path_separator", "newline")
            config.set_main_option("version_locations", "\n".join(self.version_locations))
            command(config, *arguments)

    def revisions(self) -> set[str]:
        """What its own alembic_version records."""
        with psycopg.connect(self._dsn) as conn:
            rows = conn.execute("select version_num from public.alembic_version").fetchall()
        return {version for (version,) in rows}
