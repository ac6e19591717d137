"""The processor of dead letters that the documents show is run here, as it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from tests.documents import Folder


def test_the_processor_of_dead_letters_redrives_and_discards(
    conn: psycopg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    """L1, L2, D10: what it prints, and what becomes of both orders."""
    folder = Folder(tmp_path, "docs/processors.md", dsn)
    conn.execute("select pgqueue.push('orders', '-7')")
    with folder.working("orders:worker") as until:
        until("(orders.dead) attempt 1: discarded")
        conn.execute("select pgqueue.push('orders', '7')")
        until("(orders.dead) attempt 1: redriven")
    wait = "select run_at > now() + '50min', attempt, redrives from pgqueue.scheduled_jobs"
    assert conn.execute(wait).fetchall() == [(True, 0, 1)]
    assert conn.execute("select count(*) from pgqueue.dead_jobs").fetchone() == (0,)
