"""Outcomes become rows: one statement for each kind of them, each fenced by the lease."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, assert_never

import psycopg

from pgqueue.drivers.postgres.statement import SCHEMA, Statement, load, run
from pgqueue.outcome import Dead, Done, Failure, Release, Retry
from pgqueue.seam import Lease, Settlement

COMPLETE = load("complete", int)
RETRY = load("retry", int)
SNOOZE = load("snooze", int)
RELEASE = load("release", int)
BURY = load("bury", int)


async def settle(
    conn: psycopg.AsyncConnection[Any], settlements: Sequence[Settlement], schema: str = SCHEMA
) -> set[int]:
    """Write all outcomes; return the ids of the jobs whose lease still held."""
    kinds: dict[Statement[int], list[Settlement]] = {}
    for settlement in settlements:
        kinds.setdefault(_statement(settlement), []).append(settlement)
    written: set[int] = set()
    for statement, some in kinds.items():
        written.update(await run(conn, statement.within(schema), _parameters(statement, some)))
    return written


def leased(leases: Sequence[Lease]) -> dict[str, Any]:
    """Return the parameters that fence a statement."""
    return {"ids": [lease.job for lease in leases], "tokens": [lease.token for lease in leases]}


def _statement(settlement: Settlement) -> Statement[int]:
    match settlement.outcome:
        case Done():
            return COMPLETE
        case Retry():
            return RETRY
        case Release(delay=None):
            return RELEASE
        case Release():
            return SNOOZE
        case Dead():
            return BURY
        case other:
            assert_never(other)


def _parameters(statement: Statement[int], settlements: Sequence[Settlement]) -> dict[str, Any]:
    outcomes = [settlement.outcome for settlement in settlements]
    parameters = leased([settlement.lease for settlement in settlements])
    if statement in (RETRY, SNOOZE):
        parameters["delays"] = [o.delay for o in outcomes if isinstance(o, Retry | Release)]
    if statement is SNOOZE:
        parameters["notes"] = [_json(o.note) for o in outcomes if isinstance(o, Release)]
    if statement in (RETRY, BURY):
        parameters["failures"] = [_json(o.failure) for o in outcomes if isinstance(o, Retry | Dead)]
    if statement is BURY:
        dead = [o for o in outcomes if isinstance(o, Dead)]
        parameters["reasons"] = [o.reason for o in dead]
        parameters["uncounted"] = [int(not o.counted) for o in dead]
    return parameters


def _json(failure: Failure | None) -> str | None:
    if failure is None:
        return None
    return json.dumps({"error": failure.error, "traceback": failure.traceback})
