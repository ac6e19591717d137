"""Plans that a worker made while its tables were empty, and keeps when they fill up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pgqueue.drivers.postgres import deadclaims, settle
from pgqueue.drivers.postgres.claims import CLAIM, EXCHANGE, PROMOTE, RECALL
from pgqueue.drivers.postgres.session import PLAN_ONCE
from pgqueue.drivers.postgres.statement import Statement
from tests.databases import new_database, on_database
from tests.drivers.store import ENVELOPE, Connection, insert
from tests.drivers.test_plans import EXPLAIN, NAMED, top

MANY, BATCH = 50_000, 50
TABLES = "pgqueue.jobs, pgqueue.scheduled_jobs, pgqueue.dead_jobs"
FILL = (
    f"""insert into pgqueue.scheduled_jobs (queue, envelope, run_at)
    select 'audio', '{ENVELOPE}', now() + make_interval(secs => n - {BATCH})
    from generate_series(1, %s) n""",
    f"""insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at)
    select -n, 'audio', 'exhausted', '{ENVELOPE}', '[]', now() from generate_series(1, %s) n""",
)
LEASE = "update pgqueue.jobs set lease = 7, attempt = 1, worker = 'w' where id = any (%s)"
# A row costs its way down an index, its page and what is written of it; beside that all tables
# and indexes are read by no statement: they have ten times as many pages.
MOST = 80 * BATCH

IDS = list(range(1, BATCH + 1))
ASKED: dict[str, Any] = {
    "queues": ["audio"],
    "rooms": [BATCH],
    "cursors": [-1] * 10,
    "limit": BATCH,
    "token": 8,
    "lease": timedelta(minutes=1),
    "worker": "test",
    "found": [],
    "depth": BATCH,
    "ids": IDS,
    "tokens": [7] * BATCH,
    "delays": [timedelta(seconds=9)] * BATCH,
    "notes": [None] * BATCH,
    "failures": ['{"error": "no", "traceback": ""}'] * BATCH,
    "reasons": ["exhausted"] * BATCH,
    "uncounted": [0] * BATCH,
    "targets": [None] * BATCH,
}
STATEMENTS: dict[str, Statement[Any]] = {
    "claim": CLAIM,
    "exchange": EXCHANGE,
    "recall": RECALL,
    "promote": PROMOTE,
    "complete": settle.COMPLETE,
    "retry": settle.RETRY,
    "snooze": settle.SNOOZE,
    "release": settle.RELEASE,
    "bury": settle.BURY,
    "dead_claim": deadclaims.CLAIM,
    "dead_due": deadclaims.DUE,
}


class Planned:
    """Statements that were prepared while the tables were empty."""

    def __init__(self, conn: Connection) -> None:
        self._cursor = psycopg.ClientCursor(conn)
        self._names: dict[str, list[str]] = {}

    def prepare(self, name: str) -> None:
        """Plan a statement; what it would write is undone."""
        found = NAMED.findall(STATEMENTS[name].text)
        names = list(dict.fromkeys(found))
        text = NAMED.sub(lambda one: b"$%d" % (names.index(one[1]) + 1), STATEMENTS[name].text)
        self._cursor.execute(f"prepare kept_{name} as ".encode() + text.replace(b"%%", b"%"))
        self._names[name] = [one.decode() for one in names]
        self.touched(name)

    def touched(self, name: str) -> int:
        """Run it, and return how many buffers it touched; fail if it was compiled for that."""
        values = ", ".join(["%s"] * len(self._names[name]))
        query = EXPLAIN + f"execute kept_{name}({values})".encode()
        with self._cursor.connection.transaction(force_rollback=True):
            self._cursor.execute(query, [ASKED[one] for one in self._names[name]])
            row = self._cursor.fetchone()
        assert "JIT" not in str(row)
        return top(row)[1]


@pytest.fixture(scope="module")
def full(server: Connection, template: str, server_dsn: str) -> Iterator[Planned]:
    """A worker's connection that planned everything, before the tables were filled unnoticed."""
    with (
        new_database(server, template=template) as name,
        psycopg.connect(on_database(server_dsn, name), autocommit=True) as conn,
    ):
        for table in TABLES.split(", "):
            conn.execute(f"alter table {table} set (autovacuum_enabled = false)".encode())
        conn.execute(f"vacuum analyze {TABLES}".encode())
        conn.execute(PLAN_ONCE.text)
        planned = Planned(conn)
        for name in STATEMENTS:
            planned.prepare(name)
        insert(conn, "audio", MANY)
        conn.execute(LEASE, (IDS,))
        for statement in FILL:
            conn.execute(statement.encode(), (MANY,))
        yield planned


@pytest.mark.parametrize("name", STATEMENTS)
def test_what_was_planned_for_empty_tables_reads_no_more_when_they_are_full(
    full: Planned, name: str
) -> None:
    """C13, M63: nobody has analysed them since, so that the plan is kept."""
    assert STATEMENTS[name].kept
    assert full.touched(name) <= MOST
