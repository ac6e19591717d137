"""Database errors by SQLSTATE, in the words of pgqueue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from pgqueue.errors import BackendError, SchemaError, Unavailable

# Never by exception class: psycopg gives OperationalError both to a lost connection and to a
# payload that is too large, and InternalError to a server that has become read-only.
_PASSING: Final = (
    "08", "57P01", "57P02", "57P03", "57P05", "57014", "25P03", "25P04", "25006",
    "40001", "40P01", "55P03", "53",
)  # fmt: skip
_SCHEMA: Final = ("3F000", "42P01", "42703", "42883")


def translate(error: psycopg.Error) -> BackendError:
    """Say what a database error means for whoever met it; the error becomes the cause."""
    state = error.sqlstate or ""
    summary = f"{type(error).__name__} {state}".strip()
    detail = error.diag.message_primary or str(error).partition("\n")[0]
    if state.startswith(_SCHEMA):
        return SchemaError(
            f"the pgqueue schema is missing or behind ({detail}): run `pgqueue migrate`"
        )
    if state.startswith(_PASSING) or (not state and isinstance(error, psycopg.OperationalError)):
        return Unavailable(f"{summary}: {detail}")
    return BackendError(f"{summary}: {detail}")


def lost_connection(error: psycopg.Error) -> bool:
    """Return whether the connection went away, so that nobody knows what became of a commit."""
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P"))


@contextmanager
def translated() -> Iterator[None]:
    """Raise this package's errors in place of psycopg's."""
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        raise Unavailable(f"no database connection: {error}") from error
    except psycopg.Error as error:
        raise translate(error) from error
