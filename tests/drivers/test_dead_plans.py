"""The plans of what is done with dead letters and expired jobs, next to very many of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pgqueue.drivers.postgres.chores import EXPIRE
from pgqueue.drivers.postgres.claims import CLAIM as LIVE_CLAIM
from pgqueue.drivers.postgres.deadclaims import CLAIM, DUE
from pgqueue.drivers.postgres.settle import (
    DEAD_DISCARDED,
    DEAD_HANDLED,
    DEAD_PARKED,
    DEAD_REDRIVEN,
    DEAD_RELEASED,
    DEAD_RETRIED,
)
from pgqueue.drivers.postgres.source import DEAD_EXTEND
from pgqueue.drivers.postgres.statement import Statement
from tests.drivers.store import ENVELOPE, Connection, claim_parameters, insert
from tests.drivers.test_plans import explained, never_reads_everything, nodes

MANY = 200_000
BATCH = 50
BURY = f"""
insert into pgqueue.dead_jobs
  (id, queue, reason, envelope, failures, pushed_at, visible_at, handled_at)
select n, %s, 'exhausted', '{ENVELOPE}', '[]', now(), now() + %s::interval, %s
from generate_series(%s::int, %s::int) n"""
# Found, locked, moved in three indexes; and each batch reads the way down the index.
CLAIM_BUFFERS = 60 * BATCH


def bury(
    conn: Connection, first: int, last: int, wait: str = "-1 s", handled: str | None = None
) -> None:
    conn.execute(BURY.encode(), ("audio", wait, handled, first, last))


def never_analysed(conn: Connection) -> None:
    bury(conn, 1, MANY)


def analysed_empty_then_loaded(conn: Connection) -> None:
    conn.execute("analyze pgqueue.dead_jobs")
    bury(conn, 1, MANY)


def nearly_all_handled(conn: Connection) -> None:
    bury(conn, 1, MANY, handled="2026-01-01")
    conn.execute("analyze pgqueue.dead_jobs")
    bury(conn, MANY + 1, MANY + BATCH)


def nearly_all_in_their_backoff(conn: Connection) -> None:
    bury(conn, 1, MANY, wait="1 h")
    conn.execute("analyze pgqueue.dead_jobs")
    bury(conn, MANY + 1, MANY + BATCH)


def analysed_as_it_is(conn: Connection) -> None:
    bury(conn, 1, MANY)
    conn.execute("vacuum analyze pgqueue.dead_jobs")


STATES = [
    never_analysed,
    analysed_empty_then_loaded,
    nearly_all_handled,
    nearly_all_in_their_backoff,
    analysed_as_it_is,
]


@pytest.fixture(params=STATES, ids=lambda state: state.__name__)
def filled(request: pytest.FixtureRequest, conn: Connection) -> Connection:
    """A database with very many dead letters."""
    conn.execute("alter table pgqueue.dead_jobs set (autovacuum_enabled = false)")
    state: Callable[[Connection], None] = request.param
    state(conn)
    return conn


def parameters(*queues: str) -> dict[str, Any]:
    return {
        "queues": list(queues),
        "rooms": [BATCH] * len(queues),
        "limit": BATCH,
        "token": 7,
        "lease": timedelta(minutes=1),
        "worker": "test",
    }


def test_a_claim_of_dead_letters_reads_only_what_it_takes(filled: Connection) -> None:
    """L4: an index range a queue, whatever was handled or waits beside it."""
    plan, buffers = explained(filled, CLAIM, parameters("video", "audio"))
    never_reads_everything(plan)
    assert "Tid Scan" in [node["Node Type"] for node in nodes(plan)]
    assert any(node.get("Index Name") == "dead_jobs_due" for node in nodes(plan))
    assert plan["Actual Rows"] == BATCH
    assert buffers <= CLAIM_BUFFERS


def test_an_empty_claim_and_the_look_for_the_next_are_quick(filled: Connection) -> None:
    plan, buffers = explained(filled, CLAIM, parameters("video", "text"))
    never_reads_everything(plan)
    assert buffers <= 50
    plan, buffers = explained(filled, DUE, {"queues": ["video", "audio"]})
    never_reads_everything(plan)
    assert buffers <= 100


@pytest.mark.parametrize(
    "statement",
    [
        DEAD_HANDLED,
        DEAD_RETRIED,
        DEAD_RELEASED,
        DEAD_PARKED,
        DEAD_REDRIVEN,
        DEAD_DISCARDED,
        DEAD_EXTEND,
    ],
    ids=["handled", "retried", "released", "parked", "redriven", "discarded", "extend"],
)
def test_what_settles_a_dead_letter_probes_the_primary_key(
    filled: Connection, statement: Statement[Any]
) -> None:
    ids = sorted(row[0] for row in filled.execute(CLAIM.text, parameters("audio")))
    assert len(ids) == BATCH
    outcomes = {
        "ids": ids,
        "tokens": [7] * BATCH,
        "lease": "60 s",
        "delays": ["1 s"] * BATCH,
        "notes": [None] * BATCH,
        "failures": ['{"error": "no", "traceback": ""}'] * BATCH,
        "uncounted": [0] * BATCH,
        "targets": [None] * BATCH,
    }
    plan, buffers = explained(filled, statement, outcomes)
    never_reads_everything(plan)
    assert any(node.get("Index Name") == "dead_jobs_pkey" for node in nodes(plan))
    assert buffers <= CLAIM_BUFFERS


@pytest.mark.parametrize("analysed", [False, True])
def test_a_sweep_reads_only_what_has_expired(conn: Connection, analysed: bool) -> None:
    """K08: an index range of either table, next to very many jobs that have time left, or none."""
    if analysed:
        conn.execute("analyze pgqueue.jobs, pgqueue.scheduled_jobs")
    insert(conn, "audio", MANY // 2)
    conn.execute("update pgqueue.jobs set expires_at = now() + interval '1 h' where id % 2 = 0")
    conn.execute(
        """insert into pgqueue.scheduled_jobs (queue, envelope, run_at, expires_at)
        select 'audio', %s, now() + interval '1 h', now() + (n - 1) * interval '1 s'
        from generate_series(1, %s) n""",
        (ENVELOPE, MANY // 2),
    )
    expired = insert(conn, "video", BATCH)
    conn.execute("update pgqueue.jobs set expires_at = now() where id = any (%s)", (expired,))
    plan, buffers = explained(conn, EXPIRE, {"limit": 500, "keeps": True, "others": []})
    never_reads_everything(plan)
    used = {node.get("Index Name") for node in nodes(plan)}
    assert {"jobs_expiry", "scheduled_jobs_expiry"} <= used
    assert plan["Actual Rows"] >= BATCH + 1
    assert buffers <= 200 * plan["Actual Rows"]


def test_an_expiry_costs_a_claim_nothing(conn: Connection) -> None:
    """K08, C13: no index changes when a job with an expires_at is claimed; the update stays HOT."""
    conn.execute(
        """insert into pgqueue.jobs (queue, envelope, expires_at)
        select 'audio', %s, now() + interval '1 h' from generate_series(1, 2000)""",
        (ENVELOPE,),
    )
    claiming = claim_parameters({"audio": 50}) | {"worker": "a-host-of-some-name:12345:abcdef"}
    for _ in range(40):
        conn.execute(LIVE_CLAIM.text, claiming)
    conn.execute("select pg_stat_force_next_flush()")
    row = conn.execute(
        "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'jobs'"
    ).fetchone()
    assert row == (2000, 2000)
