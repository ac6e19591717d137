"""What unique pushes look for and write, and what forgets their keys, beside very many keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pgqueue.drivers.postgres.chores import FORGET_KEYS
from pgqueue.drivers.postgres.order import PUSH_SEALED
from tests.drivers.store import ENVELOPE, Connection
from tests.drivers.test_plans import BATCH, MANY, explained, nodes

TABLES = ("jobs", "scheduled_jobs", "unique_keys")
# A key that is free or held: the key, its indexes, its job, and what is written for a new one.
PUSH_BUFFERS = 60 * BATCH
PAGE = 500
# The key and its job are looked up, and the key deleted.
FORGET_BUFFERS = 30 * PAGE
KEYS = "insert into pgqueue.unique_keys (queue, key, job_id) select queue, unique_key, id from held"
HOLD = f"""
with held as (
  insert into pgqueue.jobs (queue, envelope, unique_key)
  select %s, '{ENVELOPE}', 'key ' || n from generate_series(1, %s) n
  returning id, queue, unique_key
) {KEYS}"""
HOLD_WAITING = f"""
with held as (
  insert into pgqueue.scheduled_jobs (queue, envelope, unique_key, run_at)
  select %s, '{ENVELOPE}', 'key ' || n, now() + interval '1 h' from generate_series(1, %s) n
  returning id, queue, unique_key
) {KEYS}"""

LAST = "select key from pgqueue.unique_keys where queue = 'audio' order by job_id desc limit %s"


def hold(conn: Connection, queue: str, count: int) -> None:
    """Insert jobs that hold a key each."""
    conn.execute(HOLD.encode(), (queue, count))


def analyse(conn: Connection) -> None:
    conn.execute("vacuum analyze pgqueue.jobs, pgqueue.scheduled_jobs, pgqueue.unique_keys")


def never_analysed(conn: Connection) -> None:
    hold(conn, "audio", MANY)


def analysed_empty_then_loaded(conn: Connection) -> None:
    analyse(conn)
    hold(conn, "audio", MANY)


def analysed_full_then_emptied(conn: Connection) -> None:
    hold(conn, "audio", MANY)
    analyse(conn)
    conn.execute("delete from pgqueue.jobs where id > %s", (BATCH,))
    conn.execute("delete from pgqueue.unique_keys where job_id > %s", (BATCH,))


def much_in_another_queue(conn: Connection) -> None:
    hold(conn, "other", MANY)
    analyse(conn)
    hold(conn, "audio", BATCH)


def all_waiting(conn: Connection) -> None:
    conn.execute(HOLD_WAITING.encode(), ("audio", MANY))
    analyse(conn)


def analysed_as_it_is(conn: Connection) -> None:
    hold(conn, "audio", MANY)
    analyse(conn)


STATES = [
    never_analysed,
    analysed_empty_then_loaded,
    analysed_full_then_emptied,
    much_in_another_queue,
    all_waiting,
    analysed_as_it_is,
]


@pytest.fixture(params=STATES, ids=lambda state: state.__name__)
def filled(request: pytest.FixtureRequest, conn: Connection) -> Connection:
    """A database with many keys, or with the statistics of many."""
    for table in TABLES:
        conn.execute(f"alter table pgqueue.{table} set (autovacuum_enabled = false)".encode())
    state: Callable[[Connection], None] = request.param
    state(conn)
    return conn


def document(keys: list[str], **more: Any) -> dict[str, Any]:
    envelopes = [json.loads(ENVELOPE)] * len(keys)
    return {
        "document": json.dumps({"queue": "audio", "keys": keys, "envelopes": envelopes, **more})
    }


@pytest.mark.parametrize("replace", [False, True], ids=["kept", "replaced"])
@pytest.mark.parametrize("held", [True, False], ids=["held", "free"])
def test_a_unique_push_reads_its_keys_and_their_jobs_alone(
    filled: Connection, held: bool, replace: bool
) -> None:
    """M63: by their primary keys, whoever holds the keys and whatever the statistics say."""
    # The last ones: a scan would come upon the first ones at once.
    keys = [key for (key,) in filled.execute(LAST, (BATCH,))]
    if not held:
        keys = [f"new {key}" for key in keys]
    # Its functions keep their plans for a session, made for what they met first.
    for _ in range(6):
        plan, buffers = explained(filled, PUSH_SEALED, document(keys, replace=replace))
    assert plan["Actual Rows"] == BATCH
    assert buffers <= PUSH_BUFFERS


@pytest.mark.parametrize("gone", [False, True], ids=["held", "gone"])
def test_keys_are_forgotten_by_the_page(filled: Connection, gone: bool) -> None:
    """M63: in the order of their jobs; each job is looked up, and no table read through."""
    if gone:
        filled.execute("delete from pgqueue.jobs where id <= %s", (PAGE,))
        filled.execute("delete from pgqueue.scheduled_jobs where id <= %s", (PAGE,))
    plan, buffers = explained(filled, FORGET_KEYS, {"after": 0, "limit": PAGE})
    # One of a table without pages reads nothing.
    scans = [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert not any(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in scans)
    assert any(node.get("Index Name") == "unique_keys_job" for node in nodes(plan))
    assert buffers <= FORGET_BUFFERS
