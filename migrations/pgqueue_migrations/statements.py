"""Runs the .sql files of a revision exactly as they are written, but for the schema's name."""

from collections.abc import Iterable
from importlib import resources

import sqlalchemy as sa
from alembic import op

from pgqueue_migrations.schemas import DEFAULT, checked, within

_FOLDER = resources.files("pgqueue_migrations") / "sql"


def statement(path: str, schema: str = DEFAULT) -> sa.DDL:
    """A file under sql/ as one statement, in which ':' and '%' mean nothing to SQLAlchemy."""
    return _literal((_FOLDER / path).read_text(encoding="utf-8"), schema)


def run(paths: Iterable[str]) -> None:
    """Run files under sql/ in the revision that is being applied, online or offline."""
    for path in paths:
        op.execute(statement(path, _schema()))


def execute(texts: Iterable[str]) -> None:
    """Run statements in the revision that is being applied, like files."""
    for text in texts:
        op.execute(_literal(text, _schema()))


def _literal(text: str, schema: str) -> sa.DDL:
    text = within(schema, text).rstrip().rstrip(";").replace("%", "%%")
    return sa.DDL(text)  # type: ignore[no-untyped-call]


def _schema() -> str:
    """What env.py, ours or an application's, has told context.configure()."""
    return checked(op.get_context().opts.get("pgqueue_schema", DEFAULT))
