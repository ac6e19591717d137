"""What pushes touch, in every state of the hot table: what they write, and the doorbell."""

from __future__ import annotations

from typing import Any

import pytest

from pgqueue import Postgres
from pgqueue.drivers.postgres.order import PUSH, PUSH_BRIEF, PUSH_MANY, PUSH_SEALED, TAKE_IDS
from pgqueue.drivers.postgres.statement import Statement
from tests.drivers.store import ENVELOPE, Connection, count
from tests.drivers.test_flat import touched
from tests.drivers.test_plans import BATCH, STATES, explained, nodes

# A row, its two index entries each down a tree of three levels, and a new page now and then.
ROW_BUFFERS = 15
COPIED = 200
SAID: dict[str, Any] = {
    **{"queue": "audio", "name": None, "priority": 5, "max_attempts": None, "backoff": None},
    **{"timeout": None, "expires_in": None, "notify": True, "run_at": None, "delay": None},
}
CASES: list[tuple[Statement[Any], dict[str, Any], int]] = [
    (PUSH, {"envelope": ENVELOPE}, 1),
    (PUSH_BRIEF, {"envelope": ENVELOPE}, 1),
    (PUSH_MANY, {"envelopes": [ENVELOPE] * BATCH}, BATCH),
    (TAKE_IDS, {"count": BATCH}, BATCH),
    (PUSH_SEALED, {"document": f'{{"queue": "audio", "envelopes": [{ENVELOPE}]}}'}, 1),
]
states = pytest.fixture(params=STATES, ids=lambda state: state.__name__)


@states
def hot(request: pytest.FixtureRequest, conn: Connection) -> Connection:
    """A database whose hot table is in one of the states."""
    conn.execute("alter table pgqueue.jobs set (autovacuum_enabled = false)")
    request.param(conn)
    return conn


@pytest.mark.parametrize(
    ("statement", "more", "jobs"),
    CASES,
    ids=["push", "push_brief", "push_many", "take_ids", "push_sealed"],
)
def test_a_push_reads_no_job(
    hot: Connection, statement: Statement[Any], more: dict[str, Any], jobs: int
) -> None:
    """M63: however many there are, and whatever the statistics say."""
    for _ in range(2):  # the first meets cold catalogues
        plan, buffers = explained(hot, statement, SAID | more)
    scanned = [
        node for node in nodes(plan) if node.get("Relation Name") and "Scan" in node["Node Type"]
    ]
    assert scanned == []
    assert buffers <= ROW_BUFFERS * (jobs + 10)


def test_a_copy_reads_no_job(hot: Connection, dsn: str) -> None:
    """M63: rows and index entries are written, and nothing else of the table is touched."""
    before, touched_before = count(hot, "jobs"), touched(hot)
    Postgres(dsn).push_many("audio", [None] * COPIED, on=hot)
    pages = touched(hot) - touched_before
    assert pages <= ROW_BUFFERS * COPIED
    assert count(hot, "jobs") == before + COPIED
