"""A statement of ours on the server: the pages that it touched there, and its milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import psycopg

from pgqueue.drivers.postgres.arrays import ints
from pgqueue.drivers.postgres.statement import load

CLAIM = load("claim", tuple).text
EXTEND = load("extend", tuple).text
PRIORITIES = 10

Connection = psycopg.Connection[Any]


class Spent(NamedTuple):
    """What an execution took on the server."""

    pages: int
    ms: float


def claiming(rooms: Mapping[str, int], limit: int, cursor: int = -1) -> dict[str, Any]:
    """Return the parameters of a claim that has read each lane up to the cursor."""
    return {
        "queues": list(rooms),
        "rooms": ints(rooms.values()),
        "cursors": ints([cursor] * PRIORITIES * len(rooms)),
        "limit": limit,
        "token": 1,
        "lease": "1 minute",
        "worker": "bench",
    }


def spent(conn: Connection, statement: bytes, parameters: Mapping[str, Any]) -> Spent:
    """Execute the statement for real."""
    explain = b"explain (analyze, buffers, timing off, format json) " + statement
    [plan] = conn.execute(explain, parameters).fetchone() or [None]
    [found] = plan if isinstance(plan, list) else json.loads(plan)
    top = found["Plan"]
    return Spent(top["Shared Hit Blocks"] + top["Shared Read Blocks"], found["Execution Time"])


def undone(conn: Connection, statement: bytes, parameters: Mapping[str, Any]) -> Spent:
    """Execute it twice, each time rolled back, and return the second time: the first warms up."""
    for _ in range(2):
        with conn.transaction(force_rollback=True):
            last = spent(conn, statement, parameters)
    return last


def answered(
    conn: Connection, statement: bytes, parameters: Mapping[str, Any], times: int
) -> float:
    """Return the median milliseconds from asking to having the rows, as a worker asks."""
    took = []
    for _ in range(times):
        started = perf_counter()
        conn.execute(statement, parameters, prepare=True).fetchall()
        took.append(1000 * (perf_counter() - started))
    return median(took)
