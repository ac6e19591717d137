"""Arrays as PostgreSQL reads them, for parameters that a statement casts.

psycopg looks at every element for the type of all: a microsecond each, and another prepared
statement whenever the largest number needs another type.
"""

from __future__ import annotations

from collections.abc import Iterable


def ints(values: Iterable[int]) -> str:
    """Return an array of whole numbers."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Iterable[str]) -> str:
    """Return an array of texts."""
    quoted = (one.replace("\\", r"\\").replace('"', r"\"") for one in values)
    return "{" + ",".join(f'"{one}"' for one in quoted) + "}"
