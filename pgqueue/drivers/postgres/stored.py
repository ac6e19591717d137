"""The jobs of a queue as they are stored, and how tests let time pass over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, NamedTuple, TypeVar

import psycopg

from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.statement import SCHEMA, load, run
from pgqueue.envelope import Carrier, unseal
from pgqueue.payload import Codec
from pgqueue.queue import Queue

T = TypeVar("T")


@dataclass(frozen=True)
class StoredJob(Generic[T]):
    """A job that was pushed and has not ended; `due_in` is nothing when it may run at once."""

    id: int
    name: str | None
    payload: T
    priority: int
    attempt: int
    max_attempts: int | None
    due_in: timedelta
    carrier: Carrier


class _Row(NamedTuple):
    id: int
    name: str | None
    priority: int
    attempt: int
    max_attempts: int | None
    due_in: timedelta
    envelope: str


STORED = load("stored", _Row)
REWIND = load("rewind", int)


def connect(dsn: str) -> psycopg.Connection[Any]:
    """Open an autocommit connection."""
    with translated():
        return psycopg.connect(dsn, autocommit=True)


def stored(
    conn: psycopg.Connection[Any], queue: Queue[T], *, schema: str = SCHEMA
) -> list[StoredJob[T]]:
    """Return a queue's live jobs, in the order in which they will run; payloads are decoded."""
    with translated():
        rows = run(conn, STORED.within(schema), {"queue": queue.name})
    codec: Codec[T] = Codec(queue.type)
    jobs = []
    for row in rows:
        envelope = unseal(row.envelope)
        jobs.append(
            StoredJob(
                id=row.id,
                name=row.name,
                payload=codec.decode(envelope.payload),
                priority=row.priority,
                attempt=row.attempt,
                max_attempts=row.max_attempts,
                due_in=row.due_in,
                carrier=envelope.carrier,
            )
        )
    return jobs


def rewind(conn: psycopg.Connection[Any], by: timedelta, *, schema: str = SCHEMA) -> int:
    """Move all jobs' times back, as if so much more had passed; return how many jobs there are."""
    with translated():
        return run(conn, REWIND.within(schema), {"by": by})[0]
