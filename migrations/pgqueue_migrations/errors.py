"""The one error that a migration raises, and how the driver's errors become it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

LOCK_TIMEOUT = "5s"


class MigrationError(Exception):
    """A migration could not be done; the message says why and what to do next."""


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the driver's errors, also those that SQLAlchemy has wrapped, into MigrationError."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)
        if isinstance(cause, psycopg.Error):
            raise MigrationError(f"{doing} failed: {_advice(cause)}") from error
        raise


def _advice(error: psycopg.Error) -> str:
    said = error.diag.message_primary or " ".join(str(error).split())
    match error:
        case errors.InsufficientPrivilege():
            return (
                f"{said}. Run it as the role that owns the schema or, the first time, as one "
                "that has been granted CREATE on the database."
            )
        case errors.LockNotAvailable():
            return (
                f"another session held a lock for more than {LOCK_TIMEOUT} ({said}). The revision "
                "was rolled back; run it again, or find the session with pg_blocking_pids()."
            )
        case _:
            return f"{said}. Correct that and run it again; a revision is never left half done."
