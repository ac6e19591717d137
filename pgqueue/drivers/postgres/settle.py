"""Outcomes become rows: one statement for each kind of them, each fenced by the lease."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any, assert_never

import psycopg

from pgqueue.answer import Discard, Redrive
from pgqueue.drivers.postgres.arrays import ints
from pgqueue.drivers.postgres.statement import SCHEMA, Statement, load, run
from pgqueue.outcome import Dead, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Lease, Settlement

COMPLETE = load("complete", int)
RETRY = load("retry", int)
SNOOZE = load("snooze", int)
RELEASE = load("release", int)
BURY = load("bury", int)
DEAD_HANDLED = load("dead_handled", int)
DEAD_RETRIED = load("dead_retried", int)
DEAD_RELEASED = load("dead_released", int)
DEAD_PARKED = load("dead_parked", int)
DEAD_REDRIVEN = load("dead_redriven", int)
DEAD_DISCARDED = load("dead_discarded", int)


async def settle(
    conn: psycopg.AsyncConnection[Any],
    settlements: Sequence[Settlement],
    schema: str = SCHEMA,
    *,
    written: set[int] | None = None,
) -> set[int]:
    """Write all outcomes; return the ids of the jobs whose lease still held.

    They go into `written` statement by statement, for whoever is met by an error in between.
    """
    written = set() if written is None else written
    kinds: dict[Statement[int], list[Settlement]] = {}
    for settlement in sorted(settlements, key=attrgetter("lease")):
        dead, outcome = settlement.lease.dead, settlement.outcome
        statement = _of_letter(outcome) if dead else _of_job(outcome)
        kinds.setdefault(statement, []).append(settlement)
    for statement, some in kinds.items():
        written.update(await run(conn, statement.within(schema), _parameters(statement, some)))
    return written


def leased(leases: Sequence[Lease]) -> dict[str, Any]:
    """Return the parameters that fence a statement: the ids ascend, for it bisects them."""
    ordered = sorted(leases)
    return {
        "ids": ints(lease.job for lease in ordered),
        "tokens": ints(lease.token for lease in ordered),
    }


def _of_job(outcome: Outcome) -> Statement[int]:
    match outcome:
        case Done() | Dead(kept=False):
            return COMPLETE
        case Retry():
            return RETRY
        case Release(delay=None):
            return RELEASE
        case Release():
            return SNOOZE
        case Dead():
            return BURY
        case Redrive() | Discard():
            raise TypeError(f"{type(outcome).__name__} is no outcome of a job that is alive")
        case other:
            assert_never(other)


def _of_letter(outcome: Outcome) -> Statement[int]:
    match outcome:
        case Done():
            return DEAD_HANDLED
        case Retry():
            return DEAD_RETRIED
        case Release():
            return DEAD_RELEASED
        case Dead():
            return DEAD_PARKED
        case Redrive():
            return DEAD_REDRIVEN
        case Discard():
            return DEAD_DISCARDED
        case other:
            assert_never(other)


def _parameters(statement: Statement[int], settlements: Sequence[Settlement]) -> dict[str, Any]:
    """Return what any of the statements may ask for; each takes what it names."""
    parameters = leased([settlement.lease for settlement in settlements])
    if statement is COMPLETE:
        return parameters
    some = [settlement.outcome for settlement in settlements]
    return parameters | {
        "delays": [_delay(one) for one in some],
        "notes": [_json(one.note) if isinstance(one, Release) else None for one in some],
        "failures": [_json(one.failure) if isinstance(one, Retry | Dead) else None for one in some],
        "reasons": [one.reason if isinstance(one, Dead) else None for one in some],
        "uncounted": [int(isinstance(one, Dead) and not one.counted) for one in some],
        "targets": [one.queue if isinstance(one, Redrive) else None for one in some],
    }


def _delay(outcome: Outcome) -> timedelta | None:
    match outcome:
        case Retry(delay=delay) | Release(delay=delay) | Redrive(delay=delay):
            return delay
        case _:
            return None


def _json(failure: Failure | None) -> str | None:
    if failure is None:
        return None
    return json.dumps({"error": failure.error, "traceback": failure.traceback})
