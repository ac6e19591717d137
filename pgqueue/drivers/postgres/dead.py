"""Dead letters, for people and programs that look at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.statement import SCHEMA, load, run


@dataclass(frozen=True, slots=True)
class DeadSummary:
    """One line of a list of dead letters; the payload is not part of it."""

    id: int
    queue: str
    name: str | None
    reason: str
    attempt: int
    pushed_at: datetime
    died_at: datetime
    handled_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter in full: its envelope, and the failures that were kept."""

    id: int
    queue: str
    name: str | None
    reason: str
    attempt: int
    max_attempts: int | None
    pushed_at: datetime
    died_at: datetime
    handled_at: datetime | None
    envelope: dict[str, Any]
    failures: list[dict[str, Any]]


def _letter(*columns: Any) -> DeadLetter:
    return DeadLetter(*columns[:-2], *map(msgspec.json.decode, columns[-2:]))


DEAD_LIST = load("dead_list", DeadSummary)
DEAD_GET = load("dead_get", _letter)


def dead_list(
    conn: psycopg.Connection[Any],
    *,
    queue: str | None = None,
    name: str | None = None,
    reason: str | None = None,
    limit: int = 100,
    schema: str = SCHEMA,
) -> list[DeadSummary]:
    """Return dead letters, the latest death first."""
    filters = {"queue": queue, "name": name, "reason": reason, "limit": limit}
    with translated():
        return run(conn, DEAD_LIST.within(schema), filters)


def dead_get(conn: psycopg.Connection[Any], job: int, *, schema: str = SCHEMA) -> DeadLetter | None:
    """Return one dead letter, or None if there is none of that id."""
    with translated():
        return next(iter(run(conn, DEAD_GET.within(schema), {"id": job})), None)
