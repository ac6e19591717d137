"""What an administrator has set for a role, or holds for a while, does not stop a worker."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from pgqueue import Job, Postgres, Processors, Worker, fixed
from tests.chaos.apps.ordinary import FAILING, GATED, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.load import LONG, load, ran_once, settled
from tests.chaos.workers import Workers
from tests.worker.running import Connection, drained, eventually, one, running

TIMEOUTS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)
BLOCKED = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name like 'pgqueue:%'
  and wait_event_type = 'Lock'"""


def set_for_role(conn: Connection, dsn: str, name: str, value: str) -> bool:
    """Let the role's new sessions in this test's database begin with a setting, if there is it."""
    if not conn.execute("select from pg_settings where name = %s", [name]).rowcount:
        return False
    # A server-wide role must not have it: the other tests' workers have the same.
    conn.execute(
        SQL("alter role current_user in database {} set {} = {}").format(
            Identifier(conn.info.dbname), Identifier(name), Literal(value)
        )
    )
    return True


async def test_every_timeout_of_the_role_at_once(
    workers: Workers, dsn: str, conn: Connection, ledger: Ledger
) -> None:
    """M29, P3, P8: of 200 ms each: under load nothing is lost, and nothing runs twice."""
    known = [name for name in TIMEOUTS if set_for_role(conn, dsn, name, "200ms")]
    assert ("transaction_timeout" in known) == (conn.info.server_version >= 170000)
    worker = await workers.serving(**LONG)
    async with load(dsn, QUICK) as pushing:
        await pushing.more(ledger, 100)
    pg = Postgres(dsn)
    failing = pg.push(FAILING, 0, on=conn)
    gated = pg.push(GATED, 0, on=conn)
    # Idle sessions of the worker are ended all the time now; the handler goes on.
    await ledger.until("start", len(pushing.committed) + 4)
    await worker.prints("IdleSessionTimeout")
    ledger.open()
    await settled(dsn)
    assert one(conn, "select array_agg(id) from pgqueue.dead_jobs") == [failing]
    assert ledger.attempts()[failing] == [1, 2, 3]
    assert ledger.attempts()[gated] == [1]
    assert await worker.stopped() == 0
    runs = ledger.runs()
    assert {job: runs[job] for job in runs if runs[job] > 1} == {failing: 3}
    assert set(pushing.committed) <= set(runs)


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
async def test_the_roles_isolation(
    workers: Workers, dsn: str, conn: Connection, ledger: Ledger, isolation: str
) -> None:
    """M31, P3, P8: three workers at the same rows: none meets a serialization failure."""
    set_for_role(conn, dsn, "default_transaction_isolation", isolation)
    working = [await workers.serving(**LONG) for _ in range(3)]
    async with load(dsn, QUICK) as pushing:
        await pushing.more(ledger, 100)
    Postgres(dsn).push_many(FAILING, [0, 1], on=conn)
    await settled(dsn)
    assert [await worker.stopped() for worker in working] == [0, 0, 0]
    printed = "".join(worker.printed for worker in working)
    assert "could not serialize" not in printed
    assert "lost the database" not in printed
    assert one(conn, "select count(*) from pgqueue.dead_jobs") == 2
    runs = ledger.runs()
    assert {runs[job] for job in pushing.committed} == {1}


@pytest.mark.parametrize("lock_timeout", ["0", "200ms"])
async def test_somebody_locks_the_table_for_a_while(
    workers: Workers, dsn: str, conn: Connection, ledger: Ledger, lock_timeout: str
) -> None:
    """M29, M35, P8: it is waited for, or tried for again and again if the role may not wait."""
    set_for_role(conn, dsn, "lock_timeout", lock_timeout)
    Postgres(dsn).push_many(GATED, [0, 1, 2], on=conn)
    worker = await workers.serving(**LONG)
    await ledger.until("start", 3)
    with psycopg.connect(dsn) as busy:
        busy.execute("lock table pgqueue.jobs in access exclusive mode")
        ledger.open()
        if lock_timeout == "0":
            await eventually(lambda: one(conn, BLOCKED) > 0, True)
        else:
            await worker.prints("Settler lost the database and tries again: LockNotAvailable")
    await settled(dsn)
    assert ledger.attempts() == {1: [1], 2: [1], 3: [1]}
    assert await worker.stopped() == 0


async def test_a_column_is_added_under_prepared_statements(
    workers: Workers, dsn: str, conn: Connection, ledger: Ledger
) -> None:
    """M34, P12: they name their columns, so that the worker's connections go on as they are."""
    worker = await workers.serving(**LONG)
    async with load(dsn, QUICK) as pushing:
        for number in range(3):
            await pushing.more(ledger, 40)
            for table in ("jobs", "scheduled_jobs", "dead_jobs"):
                add = f"alter table pgqueue.{table} add column later_{number} int"
                conn.execute(add.encode())
        await pushing.more(ledger, 40)
    await settled(dsn)
    assert await worker.stopped() == 0
    assert "lost the database" not in worker.printed
    ran_once(ledger, pushing.committed)


async def test_a_plan_of_a_handler_that_a_migration_broke_costs_one_attempt(
    dsn: str, conn: Connection
) -> None:
    """M34, P8: its connection is thrown away, or every later attempt on it would fail like this."""
    conn.execute("create table own (id int)")
    processors = Processors()
    attempts: list[int] = []

    @processors.process("reads", backoff=fixed("10ms"))
    async def reads(job: Job[int]) -> None:
        attempts.append(job.attempt)
        async with job.connection() as mine:
            await mine.execute("select * from own where id = %s", [job.payload], prepare=True)

    async with Postgres(dsn, pool_size=1) as pg, running(Worker(pg, include=[processors])):
        await pg.push("reads", 1)
        await eventually(lambda: attempts, [1])
        await drained(conn)
        conn.execute("alter table own add column other int")
        await pg.push("reads", 2)
        await eventually(lambda: attempts, [1, 1, 2])
        await drained(conn)
