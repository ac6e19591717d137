"""The database of Django's settings, for code that connects by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connections

# Django's own among the OPTIONS of a database; the others are libpq's.
_DJANGOS: Final = frozenset(
    {
        "assume_role",
        "client_encoding",
        "context",
        "cursor_factory",
        "isolation_level",
        "pool",
        "prepare_threshold",
        "server_side_binding",
    }
)


def conninfo(database: str = "default") -> str:
    """Return the connection string of one of DATABASES, its password included.

    During tests it is the test database's. What is not there is up to libpq's own variables.
    """
    return " ".join(f"{name}={_quoted(value)}" for name, value in _said(database))


def _said(database: str) -> Iterator[tuple[str, str]]:
    settings = connections[database].settings_dict
    for name, key in (("dbname", "NAME"), ("user", "USER"), ("password", "PASSWORD")):
        if settings.get(key):
            yield name, str(settings[key])
    for name in ("host", "port"):
        if settings.get(name.upper()):
            yield name, str(settings[name.upper()])
    for name, value in settings.get("OPTIONS", {}).items():
        if name not in _DJANGOS and isinstance(value, str | int):
            yield name, str(value)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"
