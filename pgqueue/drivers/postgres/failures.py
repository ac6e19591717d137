"""Database errors by SQLSTATE, in the words of pgqueue."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Final

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from pgqueue.errors import BackendError, SchemaError, Unavailable


class Meaning(Enum):
    """What to do about a database error."""

    RECONNECT = auto()
    AGAIN = auto()
    READ_ONLY = auto()  # the server was demoted: every connection that we have leads to it
    UNFIT = auto()  # for this connection: what it has prepared is not there or not the same
    BACK_OFF = auto()
    SCHEMA = auto()
    ACCESS = auto()
    REFUSED = auto()  # it will always be; another statement may be not


# Never by exception class: psycopg gives OperationalError both to a lost connection and to a
# payload that is too large, and InternalError to a server that has become read-only.
# A whole SQLSTATE, or its class.
MEANINGS: Final[Mapping[str, Meaning]] = {
    "08": Meaning.RECONNECT,
    "57P01": Meaning.RECONNECT,
    "57P02": Meaning.RECONNECT,
    "57P03": Meaning.RECONNECT,
    "57P05": Meaning.RECONNECT,
    "25P03": Meaning.RECONNECT,
    "25P04": Meaning.RECONNECT,
    "53300": Meaning.RECONNECT,
    "40001": Meaning.AGAIN,
    "40P01": Meaning.AGAIN,
    "55P03": Meaning.AGAIN,
    "57014": Meaning.AGAIN,
    "25006": Meaning.READ_ONLY,
    "26000": Meaning.UNFIT,
    "42P05": Meaning.UNFIT,
    "53": Meaning.BACK_OFF,
    "3F000": Meaning.SCHEMA,
    "42P01": Meaning.SCHEMA,
    "42703": Meaning.SCHEMA,
    "42883": Meaning.SCHEMA,
    "28": Meaning.ACCESS,
    "3D000": Meaning.ACCESS,
    "42501": Meaning.ACCESS,
    "57P04": Meaning.ACCESS,
}
_LASTING: Final = {Meaning.SCHEMA, Meaning.ACCESS, Meaning.REFUSED}


def meaning(error: psycopg.Error) -> Meaning:
    """Return what to do about an error."""
    state = error.sqlstate
    if not state:
        # Nobody answered, or libpq could not connect: it does not tell why in a way to rely on.
        lost = isinstance(error, psycopg.OperationalError)
        return Meaning.RECONNECT if lost else Meaning.REFUSED
    if state == "0A000" and error.diag.source_function == "RevalidateCachedQuery":
        return Meaning.UNFIT
    return MEANINGS.get(state) or MEANINGS.get(state[:2]) or Meaning.REFUSED


def translate(error: psycopg.Error) -> BackendError:
    """Say what a database error means for whoever met it; the error becomes the cause."""
    summary = f"{type(error).__name__} {error.sqlstate or ''}".strip()
    detail = error.diag.message_primary or str(error).partition("\n")[0]
    return _worded(meaning(error), summary, detail)


def translate_others(error: Exception) -> BackendError | None:
    """Say the same of an error that another library has raised; None if it is not a database's."""
    for one in (error, getattr(error, "orig", None), error.__cause__):
        state = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        if isinstance(one, Exception) and isinstance(state, str):
            means = MEANINGS.get(state) or MEANINGS.get(state[:2]) or Meaning.REFUSED
            detail = str(one).partition("\n")[0]
            return _worded(means, f"{type(one).__name__} {state}", detail)
    return None


def _worded(means: Meaning, summary: str, detail: str) -> BackendError:
    if means is Meaning.SCHEMA:
        return SchemaError(
            f"the pgqueue schema is missing or behind ({detail}): run `pgqueue migrate`"
        )
    if means is Meaning.ACCESS:
        return BackendError(
            f"{summary}: {detail}; the database does not let this role in, or do its work: see "
            "its grants and the connection string"
        )
    return (BackendError if means in _LASTING else Unavailable)(f"{summary}: {detail}")


def lost_connection(error: psycopg.Error) -> bool:
    """Return whether the connection went away, so that nobody knows what became of a commit."""
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P"))


class _Translated:
    """Raises this package's errors in place of psycopg's.

    A class, for every push enters it: a generator would cost as much as sealing the payload.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, PoolTimeout | PoolClosed):
            raise Unavailable(f"no database connection: {error}") from error
        if isinstance(error, psycopg.Error):
            raise translate(error) from error


_TRANSLATED: Final = _Translated()


def translated() -> AbstractContextManager[None]:
    """Raise this package's errors in place of psycopg's."""
    return _TRANSLATED
