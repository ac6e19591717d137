"""Puts jobs into a test's database and looks at what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pgqueue.drivers.postgres.claims import CLAIM, PROMOTE
from pgqueue.drivers.postgres.lanes import Lanes
from pgqueue.drivers.postgres.source import EXTEND
from pgqueue.drivers.postgres.statement import run
from pgqueue.seam import Delivery

Connection = psycopg.Connection[Any]

ENVELOPE = '{"v": 1, "payload": {"n": 1}}'
INSERT = """
insert into pgqueue.jobs (queue, priority, envelope)
select %s, %s, %s::jsonb from generate_series(1, %s) returning id
"""


def insert(conn: Connection, queue: str, count: int = 1, priority: int = 5) -> list[int]:
    """Insert runnable jobs, and return their ids in claim order."""
    return [row[0] for row in conn.execute(INSERT, (queue, priority, ENVELOPE, count))]


def claim(
    conn: Connection,
    rooms: Mapping[str, int],
    *,
    limit: int = 100,
    token: int = 7,
    lanes: Lanes | None = None,
    lease: timedelta = timedelta(seconds=60),
) -> list[Delivery]:
    """Claim as a worker does, from the cursors of `lanes`, or from the lanes' starts."""
    return run(conn, CLAIM, claim_parameters(rooms, limit, token, lanes or Lanes(), lease))


def claim_parameters(
    rooms: Mapping[str, int],
    limit: int = 100,
    token: int = 7,
    lanes: Lanes | None = None,
    lease: timedelta = timedelta(seconds=60),
) -> dict[str, Any]:
    """Return the claim's parameters."""
    return {
        "queues": list(rooms),
        "rooms": list(rooms.values()),
        "cursors": (lanes or Lanes()).cursors(rooms),
        "limit": limit,
        "token": token,
        "lease": lease,
        "worker": "test",
    }


def lapse(conn: Connection, *ids: int) -> None:
    """Let the leases of jobs lapse, by moving the rows and not the clock."""
    conn.execute(
        "update pgqueue.jobs set visible_at = now() - interval '1 s' where id = any (%s)",
        (list(ids),),
    )


def promote(conn: Connection, limit: int = 500) -> tuple[int, float | None]:
    """Promote what is due; return how many, and in how many seconds the next one is."""
    return run(conn, PROMOTE, {"limit": limit})[0]


def extend(conn: Connection, job: int, token: int) -> list[tuple[int, bool]]:
    """Extend a lease by a minute; return the job's id if it held, and whether it was extended."""
    lease = timedelta(minutes=1)
    return run(conn, EXTEND, {"ids": [job], "tokens": [token], "lease": lease})


def places(conn: Connection) -> dict[int, list[str]]:
    """Return where each job is."""
    found: dict[int, list[str]] = {}
    query = """
        select id, 'jobs' from pgqueue.jobs union all
        select id, 'scheduled_jobs' from pgqueue.scheduled_jobs union all
        select id, 'dead_jobs' from pgqueue.dead_jobs
    """
    for job, table in conn.execute(query):
        found.setdefault(job, []).append(table)
    return found


def count(conn: Connection, table: str) -> int:
    """Return how many rows a table of ours has."""
    row = conn.execute(f"select count(*) from pgqueue.{table}").fetchone()
    assert row is not None
    return int(row[0])


def only_row(conn: Connection, table: str = "jobs") -> dict[str, Any]:
    """Return the only row of a table."""
    with conn.cursor(row_factory=dict_row) as cursor:
        [row] = cursor.execute(f"select * from pgqueue.{table}").fetchall()
    return row
