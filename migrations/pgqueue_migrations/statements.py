"""Runs the .sql files of a revision exactly as they are written."""

from collections.abc import Iterable
from importlib import resources

import sqlalchemy as sa
from alembic import op

_FOLDER = resources.files("pgqueue_migrations") / "sql"


def statement(path: str) -> sa.DDL:
    """A file under sql/ as one statement, in which ':' and '%' mean nothing to SQLAlchemy."""
    text = (_FOLDER / path).read_text(encoding="utf-8")
    return sa.DDL(text.rstrip().rstrip(";").replace("%", "%%"))  # type: ignore[no-untyped-call]


def run(paths: Iterable[str]) -> None:
    """Run files under sql/ in the revision that is being applied, online or offline."""
    for path in paths:
        op.execute(statement(path))
