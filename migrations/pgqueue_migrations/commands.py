"""What a person or a deployment asks for: upgrade, downgrade, current, head, sql."""

import io
import threading
from collections.abc import Callable
from typing import Any

from pgqueue_migrations.connect import connected, exclusive
from pgqueue_migrations.errors import MigrationError, explained
from pgqueue_migrations.ledger import recorded, refuse_foreign
from pgqueue_migrations.schemas import DEFAULT, checked

# Alembic keeps the running migration in module globals: two threads would mix theirs up.
_one_thread = threading.Lock()


def upgrade(dsn: str, revision: str = "head", schema: str = DEFAULT) -> None:
    """Bring the database to a revision; nothing happens if it is there already.

    Safe when several processes do it at once. Refuses a schema that newer code made.
    """
    from alembic import command

    _migrate(dsn, revision, schema, command.upgrade, "the upgrade")


def downgrade(dsn: str, revision: str, schema: str = DEFAULT) -> None:
    """Take the database back to a revision, "base" for an empty schema.

    What later revisions created is dropped, with the jobs in it.
    """
    from alembic import command

    _migrate(dsn, revision, schema, command.downgrade, "the downgrade")


def current(dsn: str, schema: str = DEFAULT) -> str | None:
    """The revision that the schema is at; None where pgqueue was not migrated yet."""
    name = checked(schema)
    with explained("reading pgqueue's schema revision"), connected(dsn) as connection:
        return recorded(connection, name)


def head() -> str:
    """The newest revision that this code knows."""
    return str(_scripts().get_current_head())


def sql(revision: str = "head", schema: str = DEFAULT) -> str:
    """The upgrade as a script, from nothing, or from one revision to another ("a:b").

    Running it is the same as upgrade(): each revision is a transaction of its own.
    """
    from alembic import command

    script = io.StringIO()
    _run(command.upgrade, revision, checked(schema), output=script, sql=True)
    return script.getvalue()


def _migrate(
    dsn: str, revision: str, schema: str, command: Callable[..., None], doing: str
) -> None:
    import sqlalchemy as sa

    name = checked(schema)
    known = {script.revision for script in _scripts().walk_revisions()}
    with explained(doing), connected(dsn) as raw:
        # Through psycopg itself, so that a DSN means what it means to libpq.
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: raw, poolclass=sa.pool.NullPool
        )
        with engine.connect() as connection, exclusive(raw, name):
            refuse_foreign(raw, name, known)
            _run(command, revision, name, connection=connection)


def _run(
    command: Callable[..., None],
    revision: str,
    schema: str,
    *,
    connection: Any = None,
    output: io.StringIO | None = None,
    sql: bool = False,
) -> None:
    from alembic.util import CommandError

    with _one_thread:
        try:
            command(_config(connection, output, schema), revision, sql=sql)
        except CommandError as error:
            raise MigrationError(
                f"cannot go to revision {revision!r}: {error}. "
                f"The newest revision that this code knows is {head()}."
            ) from error


def _scripts() -> Any:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _config(
    connection: Any = None, output: io.StringIO | None = None, schema: str = DEFAULT
) -> Any:
    from alembic.config import Config

    attributes = {"connection": connection, "schema": schema}
    config = Config(output_buffer=output, attributes=attributes)
    config.set_main_option("script_location", "pgqueue_migrations:")
    return config
