"""Keeps an application's own Alembic away from the schema `pgqueue`."""

from collections.abc import Mapping
from typing import Any


def include_name(name: str | None, type_: str, parent_names: Mapping[Any, str | None]) -> bool:
    """Whether an application's autogenerate may look at this name; pass it to context.configure.

    Without it, autogenerate with include_schemas=True proposes to drop pgqueue's tables.
    """
    schema = name if type_ == "schema" else parent_names.get("schema_name")
    return schema != "pgqueue"
