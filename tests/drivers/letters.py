"""Puts dead letters into a test's database."""

from __future__ import annotations

import json
from typing import Any

from tests.drivers.store import Connection

BURY = """
insert into pgqueue.dead_jobs
  (id, queue, name, priority, reason, attempt, max_attempts, backoff, timeout, envelope, failures,
   pushed_at, expires_at, died_at, handled_at, parked_at)
values
  (%(id)s, %(queue)s, %(name)s, 3, %(reason)s, 4, 4, '{"first": 2}', '30 s',
   '{"v": 1, "payload": {"to": "ada"}, "traceparent": "00-1"}', %(failures)s::jsonb,
   now() - interval '90 days', now() - interval '80 days', now() - %(age)s::interval,
   case when %(handled)s then now() end, case when %(parked)s then now() end)
returning id
"""
MANY = """
insert into pgqueue.dead_jobs (id, queue, name, reason, envelope, failures, pushed_at, died_at)
select n, 'q' || n %% 5, case when n %% 7 = 0 then 'special' end,
  (array['exhausted', 'exhausted', 'lost'])[1 + n / 7 %% 3], '{"v": 1, "payload": {"to": "ada"}}',
  jsonb_build_array(jsonb_build_object(
    'error', 'ValueError: order ' || n, 'traceback', repeat('frame ', %(frames)s))),
  now() - interval '90 days', now() - (%(count)s - n) * interval '10 s'
from generate_series(1, %(count)s) n
"""


def bury(conn: Connection, number: int, queue: str = "audio", **more: Any) -> int:
    """Insert one dead letter, and return its id."""
    errors = more.pop("errors", ["ValueError: no"])
    failures = [
        {"attempt": n, "at": "2026-01-01T00:00:00Z", "worker": "w", "error": error}
        for n, error in enumerate(errors, 1)
    ]
    values = {
        **{"id": number, "queue": queue, "name": None, "reason": "exhausted", "age": "0"},
        **{"handled": False, "parked": False, "failures": json.dumps(failures)},
    }
    [row] = conn.execute(BURY, values | more).fetchall()
    return int(row[0])


def bury_many(conn: Connection, count: int, *, frames: int = 1) -> None:
    """Insert dead letters with ids from 1 on, in five queues, the last one dead just now."""
    conn.execute(MANY, {"count": count, "frames": frames})
    conn.execute("select setval('pgqueue.jobs_id_seq', %s)", (count,))


def hold(conn: Connection, *ids: int) -> None:
    """Lease dead letters, as their processor does."""
    conn.execute(
        "update pgqueue.dead_jobs set lease = 7, worker = 'w', visible_at = now() + interval '1 h'"
        " where id = any (%s)",
        (list(ids),),
    )
