"""With many dead letters, looking at them and taking some stays quick, and no claim is slower."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pgqueue.deadfilter import Filter
from pgqueue.drivers.postgres import stats
from pgqueue.drivers.postgres.chores import PRUNE_EXCESS, PRUNE_OLD
from pgqueue.drivers.postgres.claims import CLAIM
from pgqueue.drivers.postgres.dead import (
    COUNT,
    DISCARD,
    FLUSH,
    GET,
    LIST,
    NEWEST,
    REDRIVE,
    REDRIVE_MANY,
)
from pgqueue.drivers.postgres.statement import Statement
from tests.drivers.letters import bury_many
from tests.drivers.store import Connection, claim_parameters, insert
from tests.drivers.test_plans import Plan, explained, nodes

MANY = 200_000
BATCH = 100


@pytest.fixture(scope="module")
def full(module_conn: Connection) -> Connection:
    """A database with many dead letters."""
    bury_many(module_conn, MANY, frames=100)
    insert(module_conn, "audio", BATCH)
    return module_conn


@pytest.fixture(scope="module")
def module_conn(server: Any, server_dsn: str, template: str) -> Iterator[Connection]:
    """An autocommit connection to a database of this module's own."""
    import psycopg

    from tests.databases import new_database, on_database

    with (
        new_database(server, template=template) as name,
        psycopg.connect(on_database(server_dsn, name), autocommit=True) as conn,
    ):
        yield conn


def words(**given: Any) -> dict[str, Any]:
    return Filter(**given).parameters


PAGE = {"after": 150_000, "limit": BATCH}
TAKE = {"after": 20_000, "until": MANY, "limit": BATCH}
REVIVE = {"delay": None, "to_queue": None}
CASES: list[tuple[str, Statement[Any], dict[str, Any], int]] = [
    ("list", LIST, words() | PAGE, BATCH),
    ("list a queue", LIST, words(queue="q3") | PAGE, 4 * BATCH),
    ("list a reason", LIST, words(reason="lost") | PAGE, 8 * BATCH),
    ("list a reason that nothing has", LIST, words(reason="expired") | PAGE, 20),
    ("list a reason of a queue", LIST, words(queue="q3", reason="lost") | PAGE, 4 * BATCH),
    ("list a queue that is not there", LIST, words(queue="text") | PAGE, 20),
    ("get", GET, {"id": 100_000}, 20),
    ("newest", NEWEST, {}, 20),
    ("flush a queue", FLUSH, words(queue="q3") | TAKE, 16 * BATCH),
    ("flush a reason of a queue", FLUSH, words(queue="q3", reason="lost") | TAKE, 16 * BATCH),
    ("redrive a queue", REDRIVE_MANY, words(queue="q3") | TAKE | REVIVE, 60 * BATCH),
    ("redrive by id", REDRIVE, {"ids": [*range(1, BATCH + 1)]} | REVIVE, 60 * BATCH),
    ("discard by id", DISCARD, {"ids": [*range(1, BATCH + 1)]}, 20 * BATCH),
    ("count a reason of a queue", COUNT, words(queue="q3", reason="lost"), 1000),
    ("count the last hour of a queue", COUNT, words(queue="q3", newer_than="1 h"), 200),
    ("prune nothing", PRUNE_OLD, {"retention": "3650 d", "limit": BATCH}, 200),
    ("prune by age", PRUNE_OLD, {"retention": "1 d", "limit": BATCH}, 20 * BATCH),
    ("prune without a setting", PRUNE_OLD, {"retention": None, "limit": BATCH}, 20),
    ("prune by number", PRUNE_EXCESS, {"keep": 1000, "limit": BATCH}, 40 * BATCH),
]


@pytest.mark.parametrize(
    ("statement", "parameters", "most"), [case[1:] for case in CASES], ids=[one[0] for one in CASES]
)
def test_only_what_is_asked_for_is_read(
    full: Connection, statement: Statement[Any], parameters: dict[str, Any], most: int
) -> None:
    """D14, C26: by an index, never all rows; the buffers are bounded by the page or the batch."""
    # A change that was rolled back leaves pages that an index alone does not answer for.
    full.execute("vacuum analyze pgqueue.dead_jobs")
    plan, buffers = explained(full, statement, parameters, workers=False)
    reads_no_table(plan)
    assert buffers <= most


def test_the_guard_sees_a_listing_that_sorts_them_all(full: Connection) -> None:
    naive: Statement[Any] = Statement(
        b"select id from pgqueue.dead_jobs order by died_at desc, id limit 100",
        int,
    )
    plan, buffers = explained(
        full, Statement(naive.text.replace(b"queue = 'q3'", b"true"), int), {}, workers=False
    )
    with pytest.raises(AssertionError):
        reads_no_table(plan)
    assert buffers > 8 * BATCH


def test_counting_by_queue_and_reason_reads_an_index_alone(full: Connection) -> None:
    """D28: so that metrics may ask for it now and then."""
    full.execute("vacuum analyze pgqueue.dead_jobs")
    plan, buffers = explained(full, stats.DEAD, {}, workers=False)
    assert any(node.get("Index Name") == "dead_jobs_reason" for node in nodes(plan))
    assert buffers <= 3000


def test_the_dead_are_in_no_claims_way(full: Connection) -> None:
    """C24: a claim reads the hot table and nothing else."""
    plan, buffers = explained(full, CLAIM, claim_parameters({"audio": BATCH}, BATCH))
    assert {node.get("Relation Name") for node in nodes(plan)} <= {"jobs", None}
    assert buffers <= 20 * BATCH


def reads_no_table(plan: Plan) -> None:
    """Fail if the plan reads the dead letters from end to end."""
    for node in nodes(plan):
        whole = node["Node Type"] == "Seq Scan" and node.get("Relation Name") == "dead_jobs"
        assert not whole
        assert node["Node Type"] != "Sort" or node["Actual Rows"] <= 10 * BATCH
