"""S8: the pages that a claim reads, whatever else waits, is scheduled or is dead."""

from __future__ import annotations

import psycopg

from tests.bench.explained import CLAIM, claiming, spent
from tests.bench.figure import Figure
from tests.bench.scene import Scene

BATCH = 100
WAITING = """
insert into pgqueue.jobs (queue, envelope)
select 'bench', '{"v": 1, "payload": null}' from generate_series(1, %s)
"""
SCHEDULED = """
insert into pgqueue.scheduled_jobs (queue, envelope, run_at)
select 'bench', '{"v": 1, "payload": null}', now() + interval '1 day' from generate_series(1, %s)
"""
DEAD = """
insert into pgqueue.dead_jobs (id, queue, envelope, failures, pushed_at, reason)
select -n, 'bench', '{"v": 1, "payload": null}', '[]', now(), 'exhausted'
from generate_series(1, %s) n
"""


def s8(scene: Scene) -> None:
    """Compare with the pages at a thousand waiting jobs."""
    least = _pages(scene, WAITING, 1_000)
    crowds = [("waiting", WAITING, scene.pick(200_000, 1_000_000))]
    crowds += [("waiting", WAITING, 10_000_000)] if scene.full else []
    crowds += [
        ("scheduled", SCHEDULED, scene.pick(200_000, 1_000_000)),
        ("dead", DEAD, scene.pick(200_000, 1_000_000)),
    ]
    for name, statement, rows in crowds:
        pages = _pages(scene, statement, rows)
        what = f"claim of {BATCH}, {rows:,} {name}: {pages} pages"
        details = {"crowd": name, "rows": rows, "pages": pages, "pages_at_1000": least}
        unit = "x pages at 1,000 waiting"
        ratio = [pages / least]
        scene.show(Figure(id="S8", what=what, values=ratio, unit=unit, most=1.2, details=details))


def _pages(scene: Scene, statement: str, rows: int) -> int:
    """Fill a fresh database, and return the pages of the second claim: the first warms up."""
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(statement.encode(), [rows])
        if statement is not WAITING:
            conn.execute(WAITING, [1_000])
        conn.execute("vacuum analyze")
        wanted = claiming({"bench": BATCH}, BATCH)
        spent(conn, CLAIM, wanted)
        return spent(conn, CLAIM, wanted).pages
