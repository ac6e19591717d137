"""One push for every connection that an application may have, with every option."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy import orm

from pgqueue import BackendError, PayloadError, Postgres, SchemaError, exponential
from tests.drivers.connections import KINDS, Caller
from tests.drivers.store import Connection, count, only_row, places


@pytest.fixture
def pg(dsn: str) -> Postgres:
    """The driver on the test's database."""
    return Postgres(dsn)


@pytest.fixture(params=KINDS)
def caller(request: pytest.FixtureRequest, dsn: str) -> Iterator[Caller]:
    """An application with a transaction open, on each kind of connection."""
    with KINDS[request.param](dsn) as caller:
        yield caller


@contextmanager
def hearing(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A worker that sleeps: it holds the doorbell, and listens."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock_shared(7067, pgqueue.bell('mail'))")
        conn.execute("listen pgqueue")
        yield conn


def test_a_commit_makes_the_job_and_wakes_a_worker(
    pg: Postgres, caller: Caller, conn: Connection, dsn: str
) -> None:
    """K02, K03, A15: visible and rung with the caller's own commit, not before."""
    with hearing(dsn) as worker:
        pushed = caller.run(pg.push("mail", {"to": "anna"}, on=caller.on))
        assert count(conn, "jobs") == 0
        caller.run(caller.commit())
        heard = [note.payload for note in worker.notifies(timeout=30, stop_after=1)]
    assert (places(conn), heard) == ({pushed: ["jobs"]}, ["mail"])
    assert only_row(conn)["envelope"] == {"v": 1, "payload": {"to": "anna"}}


def test_a_rollback_leaves_no_job_and_wakes_nobody(
    pg: Postgres, caller: Caller, conn: Connection, dsn: str
) -> None:
    """K02, D26, P2: nothing ghostly."""
    with hearing(dsn) as worker:
        caller.run(pg.push("mail", 1, on=caller.on))
        caller.run(pg.push_many("mail", [2, 3], on=caller.on))
        caller.run(caller.rollback())
        caller.run(pg.push("mail", 4, on=caller.on))
        caller.run(caller.commit())
        assert len(list(worker.notifies(timeout=0.3))) == 1
    assert [row[0] for row in conn.execute("select envelope -> 'payload' from pgqueue.jobs")] == [4]


def test_a_savepoint_takes_back_what_was_pushed_after_it(
    pg: Postgres, caller: Caller, conn: Connection
) -> None:
    """K02: also the inner transactions are the caller's."""
    caller.run(pg.push("mail", 1, on=caller.on))
    caller.undone(lambda: pg.push("mail", 2, on=caller.on))
    caller.run(pg.push("mail", 3, on=caller.on))
    caller.run(caller.commit())
    found = conn.execute("select envelope -> 'payload' from pgqueue.jobs order by id").fetchall()
    assert found == [(1,), (3,)]


def test_many_keep_their_order(pg: Postgres, caller: Caller, conn: Connection) -> None:
    """K02: in one batch or in several."""
    few = caller.run(pg.push_many("mail", range(3), on=caller.on))
    told: list[int] = []
    many = caller.run(
        pg.push_many("mail", (n for n in range(2500)), on=caller.on, progress=told.append)
    )
    caller.run(caller.commit())
    rows = dict(conn.execute("select id, envelope -> 'payload' from pgqueue.jobs").fetchall())
    assert [rows[one] for one in few] == [0, 1, 2]
    assert [rows[one] for one in many] == list(range(2500))
    assert told[-1] == 2500


def test_a_bulk_push_that_fails_midway_leaves_nothing(
    pg: Postgres, caller: Caller, conn: Connection
) -> None:
    """B11, K02: and the caller's transaction goes on."""

    def payloads() -> Iterator[object]:
        yield from range(25_000)
        yield float("nan")

    caller.run(pg.push("mail", "before", on=caller.on))
    with pytest.raises(PayloadError):
        caller.run(pg.push_many("mail", payloads(), on=caller.on))
    caller.run(pg.push("mail", "after", on=caller.on))
    caller.run(caller.commit())
    found = conn.execute("select envelope -> 'payload' from pgqueue.jobs order by id").fetchall()
    assert found == [("before",), ("after",)]


def test_every_option_is_on_the_row(pg: Postgres, caller: Caller, conn: Connection) -> None:
    """E06, E07, B13: the same words on every connection."""
    caller.run(
        pg.push(
            "mail", 1, on=caller.on, name="welcome", priority=2, attempts=3, expires_in="1h",
            backoff=exponential("5s"), timeout=1.5, carrier={"baggage": "a=1"}, unique="anna",
        )
    )  # fmt: skip
    again = caller.run(pg.push("mail", 2, on=caller.on, unique="anna"))
    caller.run(caller.commit())
    row = only_row(conn)
    told = (row["name"], row["priority"], row["max_attempts"], row["unique_key"], again.created)
    assert told == ("welcome", 2, 3, "anna", False)
    assert (row["timeout"], row["backoff"]["first"]) == (timedelta(seconds=1.5), 5)
    assert row["envelope"] == {"v": 1, "payload": 1, "baggage": "a=1"}
    assert row["expires_at"] - row["visible_at"] == timedelta(hours=1)


def test_a_time_is_a_time_on_every_connection(
    pg: Postgres, caller: Caller, conn: Connection
) -> None:
    """K11: an aware time arrives as it was, and a delay counts by the database's clock."""
    at = datetime(2199, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
    caller.run(pg.push("mail", 1, on=caller.on, run_at=at))
    caller.run(pg.push_many("mail", [2], on=caller.on, delay="90s", notify=False))
    caller.run(caller.commit())
    rows = conn.execute("select run_at, run_at - pushed_at from pgqueue.scheduled_jobs order by id")
    (first, _), (_, waits) = rows.fetchall()
    assert first == at
    assert timedelta(seconds=80) < waits <= timedelta(seconds=90)


def test_a_topic_reaches_its_subscribers(pg: Postgres, caller: Caller, conn: Connection) -> None:
    """D01, D03: publishing is pushing, on every connection."""
    conn.execute("select pgqueue.subscribe('user.created', 'mail')")
    conn.execute("select pgqueue.subscribe('user.created', 'audit')")
    ids = caller.run(pg.publish("user.created", {"id": 7}, on=caller.on))
    caller.run(caller.commit())
    rows = conn.execute("select id, queue, name from pgqueue.jobs order by queue").fetchall()
    assert {row[0] for row in rows} == set(ids)
    assert [row[1:] for row in rows] == [("audit", "user.created"), ("mail", "user.created")]


def test_a_schema_that_is_not_there_is_named(caller: Caller, dsn: str) -> None:
    """B14: the same errors, whichever library raised them first."""
    other = Postgres(dsn, schema="elsewhere")
    with pytest.raises(SchemaError, match="pgqueue migrate") as caught:
        caller.run(other.push("mail", 1, on=caller.on))
    assert isinstance(caught.value, BackendError)
    assert caught.value.__cause__ is not None
    caller.run(caller.rollback())


async def test_pools_commit_by_themselves(pg: Postgres, conn: Connection, dsn: str) -> None:
    """A15, K02: psycopg's pools, asyncpg's, and the driver's own in both colours."""
    with ConnectionPool(dsn, min_size=1) as pool:
        ids = [pg.push("mail", 1, on=pool), *pg.push_many("mail", range(1500), on=pool)]
    async with AsyncConnectionPool(dsn, min_size=1, open=False) as later:
        ids += [await pg.push("mail", 1, on=later), *await pg.push_many("mail", [2], on=later)]
    url = conn.info
    async with asyncpg.create_pool(
        host=url.host, port=url.port, user=url.user, password=url.password, database=url.dbname
    ) as theirs:
        ids += [await pg.push("mail", 1, on=theirs)]
        ids += await pg.push_many("mail", range(2500), on=theirs)
    async with pg:
        ids += [await pg.push("mail", 1), *await pg.push_many("mail", range(10_500))]
    with pg.blocking as pushes:
        ids += [pushes.push("mail", 1), *pushes.push_many("mail", [2]), *pushes.publish("t", 1)]
    assert set(places(conn)) == set(ids)


async def test_payloads_may_come_from_an_async_generator(pg: Postgres, conn: Connection) -> None:
    """A15: streamed as they come."""

    async def payloads() -> Any:
        for n in range(12_000):
            yield n

    async with pg:
        ids = await pg.push_many("mail", payloads())
    assert (len(ids), count(conn, "jobs")) == (12_000, 12_000)
    with pytest.raises(TypeError, match="needs an async connection"):
        pg.push_many("mail", payloads(), on=conn)


def test_the_callers_settings_stay_as_they_are(pg: Postgres, dsn: str) -> None:
    """K02: row factory, autocommit, isolation and the transaction's state are the caller's."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        factory, before = conn.row_factory, conn.info.transaction_status
        pg.push("mail", 1, on=conn)
        pg.push_many("mail", range(1100), on=conn)
        assert conn.autocommit
        assert conn.isolation_level is psycopg.IsolationLevel.SERIALIZABLE
        assert (conn.row_factory, conn.info.transaction_status) == (factory, before)


WRONG: list[tuple[Any, str]] = [
    (object(), "builtins.object; give a connection or pool of psycopg or asyncpg"),
    ("postgresql://localhost", "builtins.str; give"),
    (sa.create_engine("postgresql+psycopg://x"), r"Engine, which has no transaction; give .*begin"),
    (orm.sessionmaker(), r"sessionmaker, which has no transaction; give a session"),
]


@pytest.mark.parametrize(("on", "message"), WRONG, ids=["object", "text", "engine", "sessionmaker"])
def test_what_cannot_be_pushed_on_is_refused(pg: Postgres, on: Any, message: str) -> None:
    """B11: the error names what was given, and what to give."""
    with pytest.raises(TypeError, match=message):
        pg.push("mail", 1, on=on)


@pytest.mark.parametrize("many", [3, 1100])
@pytest.mark.parametrize("waits", [{}, {"delay": "1h"}], ids=["at once", "later"])
def test_few_and_many_store_the_same(
    pg: Postgres, conn: Connection, many: int, waits: dict[str, Any]
) -> None:
    """B03, E13, M64: the statement for a few and COPY for many write equal rows."""
    options: dict[str, Any] = {
        "name": "welcome", "priority": 2, "attempts": 3, "backoff": exponential("5s"),
        "timeout": "90s", "expires_in": "36h", "carrier": {"baggage": "a=1"}, **waits,
    }  # fmt: skip
    payload = {
        "to": "ünï\u2028 \U0001f600",
        "n": 12345678901234567890,
        "f": 1.5,
        "list": [None, True],
    }
    for given in (options, {}):
        one = pg.push("mail", payload, on=conn, **given)
        ids = pg.push_many("mail", [payload] * many, on=conn, **given)
        table, time = ("scheduled_jobs", "run_at") if waits and given else ("jobs", "visible_at")
        rows = conn.execute(
            f"""
            select distinct name, priority, attempt, max_attempts, backoff, timeout, envelope,
              failures, unique_key, expires_at between now() + '35 h' and now() + '37 h' as expires,
              {time} - pushed_at > '59 min' as waits
            from pgqueue.{table} where id = any (%s)
            """,
            [[one, *ids]],
        ).fetchall()
        assert (len(rows), rows[0][6]["payload"]) == (1, payload)
        assert count(conn, table) == (many + 1) * (1 if waits or given else 2)
