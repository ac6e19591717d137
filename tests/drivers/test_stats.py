"""How much there is, by queue, state and reason."""

from __future__ import annotations

from pgqueue import Postgres
from pgqueue.stats import DeadDepth
from tests.drivers.letters import bury
from tests.drivers.store import Connection, claim, insert


def test_live_jobs_are_counted_by_state_and_dead_ones_by_reason(dsn: str, conn: Connection) -> None:
    """D28, K10: depth, oldest, and the dead."""
    pg = Postgres(dsn)
    insert(conn, "audio", 3)
    claim(conn, {"audio": 1})
    conn.execute("select pgqueue.push('mail', '1', delay => '1 h') from generate_series(1, 2)")
    conn.execute(
        "update pgqueue.scheduled_jobs set pushed_at = '2026-01-01T00:00:00Z' where id = 4"
    )
    for number, reason in enumerate(["lost", "exhausted", "lost"], 10):
        bury(conn, number, reason=reason)
    found = pg.stats(on=conn)
    assert [(one.queue, one.state, one.count) for one in found.live] == [
        *(("audio", "leased", 1), ("audio", "ready", 2), ("mail", "scheduled", 2)),
    ]
    assert found.live[-1].oldest.isoformat() == "2026-01-01T00:00:00+00:00"
    assert found.dead == (DeadDepth("audio", "exhausted", 1), DeadDepth("audio", "lost", 2))
    assert found.dead_count == 3
