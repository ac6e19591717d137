"""Keeps an application's own Alembic away from pgqueue's schema."""

from collections.abc import Mapping
from typing import Any

from pgqueue_migrations.schemas import DEFAULT


def include_name(
    name: str | None,
    type_: str,
    parent_names: Mapping[Any, str | None],
    *,
    schema: str = DEFAULT,
) -> bool:
    """Whether an application's autogenerate may look at this name; pass it to context.configure.

    Without it, autogenerate with include_schemas=True proposes to drop pgqueue's tables. For a
    schema of another name pass functools.partial(include_name, schema=...).
    """
    found = name if type_ == "schema" else parent_names.get("schema_name")
    return found != schema
