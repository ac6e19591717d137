"""The plans of the hot statements, in every state of the statistics that has flipped one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from pgqueue.drivers.postgres.claims import CLAIM, EXCHANGE, RECALL
from pgqueue.drivers.postgres.settle import COMPLETE
from pgqueue.drivers.postgres.source import EXTEND
from pgqueue.drivers.postgres.statement import Statement
from tests.drivers.store import Connection, claim_parameters, insert

MANY = 200_000
BATCH = 50
DEPTH = 500


def never_analysed(conn: Connection) -> None:
    insert(conn, "audio", MANY)


def analysed_empty_then_loaded(conn: Connection) -> None:
    conn.execute("analyze pgqueue.jobs")
    insert(conn, "audio", MANY)


def analysed_full_then_emptied(conn: Connection) -> None:
    insert(conn, "audio", MANY)
    conn.execute("analyze pgqueue.jobs")
    conn.execute("delete from pgqueue.jobs where id > %s", (BATCH,))


def much_in_another_lane(conn: Connection) -> None:
    insert(conn, "other", MANY)
    conn.execute("analyze pgqueue.jobs")
    insert(conn, "audio", BATCH)


def analysed_as_it_is(conn: Connection) -> None:
    insert(conn, "audio", MANY)
    conn.execute("vacuum analyze pgqueue.jobs")


STATES = [
    never_analysed,
    analysed_empty_then_loaded,
    analysed_full_then_emptied,
    much_in_another_lane,
    analysed_as_it_is,
]
# What a claim may touch a job: index and heap, found, locked, updated.
CLAIM_BUFFERS = 20 * BATCH
# A completed job costs its index entry, its page, and the page's visibility.
COMPLETE_BUFFERS = 12 * BATCH

Plan = dict[str, Any]
EXPLAIN = b"explain (analyze, buffers, format json) "
# What reads or sorts more than it takes.
WHOLE = {"Seq Scan", "Sort", "Hash Join", "Merge Join"}
NAMED = re.compile(rb"%\((\w+)\)s")


@pytest.fixture(params=STATES, ids=lambda state: state.__name__)
def filled(request: pytest.FixtureRequest, conn: Connection) -> Connection:
    """A database whose hot table is in one of the states."""
    conn.execute("alter table pgqueue.jobs set (autovacuum_enabled = false)")
    state: Callable[[Connection], None] = request.param
    state(conn)
    return conn


def explained(
    conn: Connection,
    statement: Statement[Any],
    parameters: dict[str, Any],
    *,
    workers: bool = True,
) -> tuple[Plan, int]:
    """Run a statement for its plan alone; return it, and the buffers that it touched.

    Most of a worker's plans are `kept`: made once, for any parameters. That plan has to scan and
    sort no more; if it touches more buffers they are the ones returned.
    """
    with conn.transaction(force_rollback=True):
        row = conn.execute(EXPLAIN + statement.text, parameters).fetchone()
    plan, buffers = top(row)
    if not (workers and statement.kept):
        return plan, buffers
    general, touched = _kept(conn, statement, parameters)
    assert kinds(general) & WHOLE <= kinds(plan) & WHOLE
    assert general["Actual Rows"] == plan["Actual Rows"]
    return plan, max(buffers, touched)


def _kept(
    conn: Connection, statement: Statement[Any], parameters: dict[str, Any]
) -> tuple[Plan, int]:
    names = list(dict.fromkeys(NAMED.findall(statement.text)))
    text = NAMED.sub(lambda one: b"$%d" % (names.index(one[1]) + 1), statement.text)
    values = b"(%s)" % b", ".join([b"%s"] * len(names)) if names else b""
    with conn.transaction(force_rollback=True):
        conn.execute("set local plan_cache_mode = force_generic_plan")
        conn.execute(b"prepare probe as " + text.replace(b"%%", b"%"))
        cursor = psycopg.ClientCursor(conn)
        cursor.execute(
            EXPLAIN + b"execute probe" + values, [parameters[name.decode()] for name in names]
        )
        found = top(cursor.fetchone())
    conn.execute("deallocate probe")
    return found


def top(row: Any) -> tuple[Plan, int]:
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    top: Plan = plan[0]["Plan"]
    return top, top["Shared Hit Blocks"] + top["Shared Read Blocks"]


def nodes(plan: Plan) -> Iterator[Plan]:
    """Return a plan's nodes, from the top."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def kinds(plan: Plan) -> set[str]:
    """Return the kinds of a plan's nodes."""
    return {node["Node Type"] for node in nodes(plan)}


def pages(conn: Connection) -> int:
    """Return how many pages the hot table and its indexes have."""
    row = conn.execute("select pg_total_relation_size('pgqueue.jobs') / 8192").fetchone()
    assert row is not None
    return int(row[0])


def never_reads_everything(plan: Plan) -> None:
    """Fail if the plan scans the table, or an index of it, from end to end, or sorts."""
    assert not kinds(plan) & WHOLE, kinds(plan)
    scans = [node for node in nodes(plan) if "Index Scan" in node["Node Type"]]
    assert all(node.get("Index Cond") for node in scans)


def test_the_claim_reads_only_what_it_takes(filled: Connection) -> None:
    """C13: an index range a lane; the plan and the buffers hold in every state."""
    parameters = claim_parameters({"audio": BATCH, "video": BATCH}, BATCH)
    plan, buffers = explained(filled, CLAIM, parameters)
    never_reads_everything(plan)
    assert "Tid Scan" in kinds(plan)
    assert any(node.get("Index Name") == "jobs_lane" for node in nodes(plan))
    assert plan["Actual Rows"] == BATCH
    assert buffers <= CLAIM_BUFFERS


def test_an_exchange_reads_what_it_completes_and_what_it_takes(filled: Connection) -> None:
    """K05, C13: the two halves of one statement are planned as each by itself."""
    parameters = claim_parameters({"audio": BATCH // 2, "video": BATCH // 2}, BATCH // 2)
    claimed = filled.execute(CLAIM.text, parameters).fetchall()
    done = {"ids": [row[0] for row in claimed], "tokens": [row[1] for row in claimed]}
    parameters |= done | {"cursors": [max(row[5] for row in claimed)] * 20}
    plan, buffers = explained(filled, EXCHANGE, parameters, workers=False)
    # The rows that it would have deleted look locked now: it would leave them to the settler.
    filled.execute("update pgqueue.jobs set worker = worker where lease is not null")
    general, touched = _kept(filled, EXCHANGE, parameters)
    assert kinds(general) & WHOLE <= kinds(plan) & WHOLE
    assert general["Actual Rows"] == plan["Actual Rows"]
    buffers = max(buffers, touched)
    never_reads_everything(plan)
    assert "Tid Scan" in kinds(plan)
    used = {node.get("Index Name") for node in nodes(plan)}
    assert {"jobs_lane", "jobs_pkey"} <= used
    assert plan["Actual Rows"] == BATCH // 2
    assert buffers <= CLAIM_BUFFERS + COMPLETE_BUFFERS


def test_a_lost_claim_is_looked_for_in_its_lanes_alone(filled: Connection) -> None:
    """M21: no index knows tokens; what is read is bounded, whether or not anything is found."""
    parameters = claim_parameters({"audio": BATCH, "video": BATCH}, BATCH)
    parameters |= {"depth": DEPTH, "found": []}
    claimed = filled.execute(CLAIM.text, parameters).fetchall()
    most = CLAIM_BUFFERS + 2 * DEPTH
    if len(filled.execute("select from pgqueue.jobs limit %s", (DEPTH,)).fetchall()) < DEPTH:
        # A lane that is shorter is read to its end, over the dead there, as a sweep reads it.
        most += pages(filled)
    for token, found in ((parameters["token"], len(claimed)), (1, 0)):
        plan, buffers = explained(filled, RECALL, parameters | {"token": token})
        never_reads_everything(plan)
        assert "Tid Scan" in kinds(plan)
        assert any(node.get("Index Name") == "jobs_lane" for node in nodes(plan))
        assert plan["Actual Rows"] == found
        assert buffers <= most


def test_an_empty_claim_is_quick(filled: Connection) -> None:
    plan, buffers = explained(filled, CLAIM, claim_parameters({"video": 10, "text": 10}))
    never_reads_everything(plan)
    assert buffers <= 200


@pytest.mark.parametrize("statement", [COMPLETE, EXTEND], ids=["complete", "extend"])
def test_what_settles_and_extends_probes_the_primary_key(
    filled: Connection, statement: Statement[int]
) -> None:
    rows = filled.execute(
        "update pgqueue.jobs set lease = 7 where id in"
        " (select id from pgqueue.jobs where queue = 'audio' order by id limit %s) returning id",
        (BATCH,),
    )
    ids = sorted(row[0] for row in rows)
    parameters = {"ids": ids, "tokens": [7] * BATCH, "lease": "60 s"}
    plan, buffers = explained(filled, statement, parameters)
    never_reads_everything(plan)
    assert any(node.get("Index Name") == "jobs_pkey" for node in nodes(plan))
    assert plan["Actual Rows"] == BATCH
    assert buffers <= COMPLETE_BUFFERS


def test_the_guard_sees_a_claim_that_sorts_the_backlog(filled: Connection) -> None:
    naive: Statement[Any] = Statement(
        b"""
        update pgqueue.jobs set lease = %(token)s where id in (
          select id from pgqueue.jobs where queue = any (%(queues)s) and visible_at <= now()
          order by array_position(%(queues)s, queue), priority, position
          limit %(limit)s for update skip locked)
        returning id
        """,
        tuple,
    )
    parameters = {"queues": ["audio", "video"], "token": 7, "limit": BATCH}
    plan, _ = explained(filled, naive, parameters, workers=False)
    with pytest.raises(AssertionError):
        never_reads_everything(plan)


def test_a_claim_is_a_hot_update(conn: Connection) -> None:
    """No index changes when a job is claimed: each page has room for the longer new version."""
    insert(conn, "audio", 2000)
    parameters = claim_parameters({"audio": 50}) | {"worker": "a-host-of-some-name:12345:abcdef"}
    for _ in range(40):
        conn.execute(CLAIM.text, parameters)
    conn.execute("select pg_stat_force_next_flush()")
    row = conn.execute(
        "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'jobs'"
    ).fetchone()
    assert row == (2000, 2000)
