"""The plans of what moves jobs between tables, in every state of the tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pgqueue.drivers.postgres.claims import PROMOTE
from pgqueue.drivers.postgres.settle import BURY, RELEASE, RETRY, SNOOZE
from pgqueue.drivers.postgres.statement import Statement
from tests.drivers.store import ENVELOPE, Connection
from tests.drivers.test_plans import (
    BATCH,
    MANY,
    STATES,
    explained,
    never_reads_everything,
    nodes,
)

# Found, locked and deleted, and written to a table with three indexes or fewer.
MOVE_BUFFERS = 60 * BATCH
SCHEDULE = f"""
insert into pgqueue.scheduled_jobs (id, queue, run_at, envelope, pushed_at)
select n, 'audio', now() + make_interval(secs => n - %s), '{ENVELOPE}', now()
from generate_series(1, %s) n"""

filled = pytest.fixture(params=STATES, ids=lambda state: state.__name__)


@filled
def hot(request: pytest.FixtureRequest, conn: Connection) -> Connection:
    """A database whose hot table is in one of the states."""
    conn.execute("alter table pgqueue.jobs set (autovacuum_enabled = false)")
    state: Callable[[Connection], None] = request.param
    state(conn)
    return conn


@pytest.mark.parametrize(
    "statement",
    [RETRY, SNOOZE, RELEASE, BURY],
    ids=["retry", "snooze", "release", "bury"],
)
def test_what_ends_an_attempt_probes_the_primary_key(
    hot: Connection, statement: Statement[int]
) -> None:
    """M63: with the lease as a filter; whatever the statistics say."""
    rows = hot.execute(
        "update pgqueue.jobs set lease = 7, attempt = 1, worker = 'w' where id in"
        " (select id from pgqueue.jobs where queue = 'audio' order by id limit %s) returning id",
        (BATCH,),
    )
    ids = sorted(row[0] for row in rows)
    parameters: dict[str, Any] = {
        "ids": ids,
        "tokens": [7] * BATCH,
        "delays": [timedelta(seconds=1)] * BATCH,
        "notes": [None] * BATCH,
        "failures": ['{"error": "no", "traceback": null}'] * BATCH,
        "reasons": ["exhausted"] * BATCH,
        "uncounted": [0] * BATCH,
    }
    plan, buffers = explained(hot, statement, parameters)
    never_reads_everything(plan)
    assert any(node.get("Index Name") == "jobs_pkey" for node in nodes(plan))
    assert plan["Actual Rows"] == BATCH
    assert buffers <= MOVE_BUFFERS


def never_analysed(conn: Connection) -> None:
    conn.execute(SCHEDULE.encode(), (BATCH, MANY))


def analysed_empty_then_loaded(conn: Connection) -> None:
    conn.execute("analyze pgqueue.scheduled_jobs")
    never_analysed(conn)


def analysed_as_it_is(conn: Connection) -> None:
    never_analysed(conn)
    conn.execute("vacuum analyze pgqueue.scheduled_jobs")


@pytest.mark.parametrize("state", [never_analysed, analysed_empty_then_loaded, analysed_as_it_is])
def test_promoting_reads_what_is_due(conn: Connection, state: Callable[[Connection], None]) -> None:
    """M63: by the index on run_at, however many jobs are due later."""
    conn.execute("alter table pgqueue.scheduled_jobs set (autovacuum_enabled = false)")
    state(conn)
    plan, buffers = explained(conn, PROMOTE, {"limit": 500})
    scans = [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert scans == []
    assert buffers <= MOVE_BUFFERS
