"""Unique pushes: one live job a key, whoever pushes it and from where."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from pgqueue import ConfigError, Postgres, Processors, Unique, UnsupportedOption, Worker
from pgqueue.drivers.memory import Memory
from pgqueue.drivers.postgres.chores import Keys
from pgqueue.worker.until import Until
from tests.drivers.store import Connection, count, places


@pytest.fixture
def pg(dsn: str) -> Postgres:
    """The driver on the test's database."""
    return Postgres(dsn)


def payloads(conn: Connection) -> list[Any]:
    rows = conn.execute("select envelope -> 'payload' from pgqueue.all_jobs order by id").fetchall()
    return [row[0] for row in rows]


def test_a_second_push_of_a_key_gives_the_job_that_holds_it(pg: Postgres, conn: Connection) -> None:
    first = pg.push("mail", 1, on=conn, unique="anna")
    second = pg.push("mail", 2, on=conn, unique="anna")
    assert (first, first.created, second.created) == (second, True, False)
    assert payloads(conn) == [1]
    assert pg.push("mail", 3, on=conn, unique="bert").created
    assert pg.push("post", 4, on=conn, unique="anna").created, "a key counts within its queue"


def test_a_waiting_job_holds_its_key(pg: Postgres, conn: Connection) -> None:
    first = pg.push("mail", 1, on=conn, unique="anna", delay="1h")
    assert not pg.push("mail", 2, on=conn, unique="anna").created
    assert places(conn) == {first: ["scheduled_jobs"]}


async def test_a_job_holds_its_key_until_it_is_done(pg: Postgres, conn: Connection) -> None:
    """Retries keep it; completion and death free it."""
    processors = Processors()
    seen: list[tuple[str, bool]] = []

    @processors.process("mail", attempts=2)
    def handle(payload: str) -> None:
        seen.append((payload, pg.push("mail", "again", on=conn, unique=payload).created))
        if payload == "bad":
            raise ValueError

    for key in ("good", "bad"):
        pg.push("mail", key, on=conn, unique=key)
    await Worker(pg, include=[processors]).run(Until(empty=True))
    assert sorted(seen) == [("bad", False), ("good", False)]
    assert pg.push("mail", "x", on=conn, unique="good").created
    assert not pg.push("mail", "x", on=conn, unique="bad").created, "it waits for its retry"
    conn.execute("update pgqueue.scheduled_jobs set run_at = now()")
    await Worker(pg, include=[processors]).run(Until(empty=True))
    assert pg.push("mail", "x", on=conn, unique="bad").created, "it is dead"


def test_a_redriven_job_does_not_take_its_key_again(pg: Postgres, conn: Connection) -> None:
    """L5: whether or not the key was forgotten meanwhile; and another job may have it by then."""
    first = pg.push("mail", 1, on=conn, unique="anna")
    conn.execute(
        "with gone as (delete from pgqueue.jobs returning *) insert into pgqueue.dead_jobs"
        " (id, queue, reason, attempt, envelope, failures, pushed_at)"
        " select id, queue, 'lost', attempt, envelope, '[]', pushed_at from gone"
    )
    assert pg.dead.redrive(first, on=conn)
    assert pg.push("mail", 2, on=conn, unique="anna").created
    assert payloads(conn) == [1, 2]


async def test_until_started_frees_the_key_at_the_first_attempt(
    pg: Postgres, conn: Connection
) -> None:
    processors = Processors()
    created: list[bool] = []

    @processors.process("mail", concurrency=1)
    def handle(payload: int) -> None:
        if payload < 3:
            unique = Unique("anna", until="started")
            created.append(pg.push("mail", payload + 1, on=conn, unique=unique).created)
            created.append(pg.push("mail", 99, on=conn, unique=unique).created)

    pg.push("mail", 1, on=conn, unique=Unique("anna", until="started"))
    assert not pg.push("mail", 99, on=conn, unique=Unique("anna", until="started")).created
    await Worker(pg, include=[processors]).run(Until(empty=True))
    assert created == [True, False, True, False]


async def test_a_window_outlasts_the_job(pg: Postgres, conn: Connection) -> None:
    hourly = Unique("report", within="1h")
    first = pg.push("mail", 1, on=conn, unique=hourly)
    conn.execute("delete from pgqueue.jobs")
    assert pg.push("mail", 2, on=conn, unique=hourly) == first
    conn.execute("update pgqueue.unique_keys set free_at = now()")
    assert pg.push("mail", 3, on=conn, unique=hourly).created


def test_replace_debounces_a_job_that_waits(pg: Postgres, conn: Connection) -> None:
    latest = Unique("index", replace=True)
    first = pg.push("mail", 1, on=conn, unique=latest, delay="1h")
    again = pg.push("mail", 2, on=conn, unique=latest, delay="2h")
    assert (again, again.created, payloads(conn)) == (first, False, [2])
    [(due,)] = conn.execute(
        "select run_at > now() + interval '90 min' from pgqueue.scheduled_jobs"
    ).fetchall()
    assert due, "it waits anew"


def test_replace_changes_a_job_that_is_due_and_leaves_one_that_runs(
    pg: Postgres, conn: Connection
) -> None:
    latest = Unique("index", replace=True)
    first = pg.push("mail", 1, on=conn, unique=latest)
    assert pg.push("mail", 2, on=conn, unique=latest) == first
    conn.execute("update pgqueue.jobs set lease = 1, attempt = 1")
    second = pg.push("mail", 3, on=conn, unique=latest)
    assert second.created
    assert (second != first, payloads(conn)) == (True, [2, 3])


def test_racing_pushes_of_one_key_make_one_job(pg: Postgres, conn: Connection, dsn: str) -> None:
    """Also when the winner commits while the others wait."""
    start = threading.Barrier(8)

    def push(n: int) -> bool:
        with psycopg.connect(dsn) as mine:
            start.wait()
            return pg.push("mail", n, on=mine, unique="anna").created

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(push, range(8))) == [False] * 7 + [True]
    assert count(conn, "jobs") == 1


def test_a_rolled_back_push_leaves_its_key_free(pg: Postgres, conn: Connection, dsn: str) -> None:
    """K02: the key is as transactional as the job."""
    with psycopg.connect(dsn) as mine:
        pg.push("mail", 1, on=mine, unique="anna")
        mine.rollback()
    assert pg.push("mail", 2, on=conn, unique="anna").created
    assert payloads(conn) == [2]


def test_overlapping_bulk_pushes_never_deadlock(pg: Postgres, conn: Connection, dsn: str) -> None:
    """M30: keys are taken in their order, whatever the order of the payloads."""
    numbers = list(range(300))
    start = threading.Barrier(4)

    def push(n: int) -> int:
        mine = numbers if n % 2 else numbers[::-1]
        with psycopg.connect(dsn) as own:
            start.wait()
            return pg.push_many("mail", mine, on=own, unique=str).created

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(push, range(4))) == 300
    assert count(conn, "jobs") == 300


def test_many_ids_come_in_the_order_of_their_payloads(pg: Postgres, conn: Connection) -> None:
    three = pg.push("mail", 3, on=conn, unique="3")
    ids = pg.push_many("mail", [5, 3, 1, 5], on=conn, unique=str)
    assert ids[1] == three
    assert ids[0] == ids[3]
    assert ([one.created for one in ids], ids.created) == ([True, False, True, False], 2)
    rows = dict(conn.execute("select id, envelope -> 'payload' from pgqueue.jobs").fetchall())
    assert [rows[one] for one in ids] == [5, 3, 1, 5]


WRONG: list[tuple[Any, str]] = [
    ("", "1 to 512 bytes"),
    ("x" * 513, "1 to 512 bytes"),
    ("a\x00b", "without NUL"),
    (7, "a key is a text"),
]


@pytest.mark.parametrize(("key", "message"), WRONG, ids=["empty", "long", "nul", "number"])
def test_a_key_that_cannot_be_stored_is_refused_before_any_sql(
    pg: Postgres, conn: Connection, key: Any, message: str
) -> None:
    """B13: the caller's transaction goes on."""
    with conn.transaction(), pytest.raises(ConfigError, match=message):
        pg.push("mail", 1, on=conn, unique=key)


def test_contradicting_wishes_are_refused() -> None:
    with pytest.raises(ConfigError, match="not both"):
        Unique("a", until="started", within="1h")
    with pytest.raises(ConfigError, match="more than 0"):
        Unique("a", within=0)
    with pytest.raises(ConfigError, match="'done' or 'started'"):
        Unique("a", until="never")  # type: ignore[arg-type]


def test_one_bulk_push_is_unique_in_one_way(pg: Postgres, conn: Connection) -> None:
    with pytest.raises(ConfigError, match="in one way"):
        pg.push_many("m", [1, 2], on=conn, unique=lambda n: Unique("k", replace=n > 1))
    with pytest.raises(ConfigError, match="a function from a payload"):
        pg.push_many("m", [1], on=conn, unique="k")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="give a key"):
        pg.push("m", 1, on=conn, unique=str)  # type: ignore[call-overload]
    assert count(conn, "jobs") == 0


async def test_the_memory_driver_says_that_it_has_no_keys() -> None:
    """B13: never silently ignored."""
    with pytest.raises(UnsupportedOption, match="unique"):
        await Memory().push("mail", 1, unique="anna")


def test_sql_pushes_with_keys_too(conn: Connection) -> None:
    """E03: the same contract for psql and triggers."""
    sql = "select pgqueue.push('mail', '1', unique_key => 'a')"
    assert conn.execute(sql).fetchone() == conn.execute(sql).fetchone()
    many = conn.execute(
        "select created from pgqueue.push_many('mail', array['1','2']::jsonb[],"
        " unique_keys => array['a', 'b'])"
    ).fetchall()
    assert many == [(False,), (True,)]
    with pytest.raises(psycopg.Error, match="1 keys for 2 payloads"):
        conn.execute(
            "select pgqueue.push_many('mail', array['1','2']::jsonb[], unique_keys => array['a'])"
        )
    with pytest.raises(psycopg.errors.CheckViolation, match="unique_keys_until"):
        conn.execute("select pgqueue.push('m', '1', unique_key => 'a', unique_until => 'never')")


async def test_keys_that_hold_nothing_are_forgotten(
    pg: Postgres, conn: Connection, aconn: psycopg.AsyncConnection[Any]
) -> None:
    """M18: what was unique a million times does not fill the disk."""
    ids = pg.push_many("mail", range(1200), on=conn, unique=str)
    waiting = pg.push("mail", 0, on=conn, unique="waiting", delay="1h")
    held = pg.push("mail", 0, on=conn, unique=Unique("held", within="1h"))
    over = pg.push("mail", 0, on=conn, unique=Unique("over", within="1h"))
    conn.execute("update pgqueue.unique_keys set free_at = now() where job_id = %s", [over])
    conn.execute("delete from pgqueue.jobs where id <> all (%s)", [[ids[0], over]])
    keys = Keys()
    assert await keys.forget(aconn, pg.config) == 1200
    left = conn.execute("select job_id from pgqueue.unique_keys order by 1").fetchall()
    assert left == [(ids[0],), (waiting,), (held,)]
    assert await keys.forget(aconn, pg.config) == 0
