"""Pushing from Python: in the caller's transaction, with every option, refused before any SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import psycopg
import pytest
from psycopg.rows import dict_row

from pgqueue import (
    PayloadError,
    Postgres,
    Queue,
    SchemaError,
    Unavailable,
)
from tests.drivers.store import Connection, count, only_row

Async = psycopg.AsyncConnection[Any]


@dataclass(frozen=True)
class Song:
    file: str


class Clip(TypedDict):
    file: str


SONGS = Queue("songs", Song)
CLIPS = Queue("clips", Clip)


@pytest.fixture
def pg(dsn: str) -> Postgres:
    """The driver on the test's database."""
    return Postgres(dsn)


def test_a_push_returns_the_id_of_a_sealed_job(pg: Postgres, conn: Connection) -> None:
    """B03, E03: what is stored is exactly version and payload."""
    pushed = pg.push(SONGS, Song("a.mp3"), on=conn)
    row = only_row(conn)
    assert row["id"] == pushed
    assert row["envelope"] == {"v": 1, "payload": {"file": "a.mp3"}}
    assert (row["queue"], row["name"], row["attempt"]) == ("songs", None, 0)


async def test_an_async_connection_makes_the_push_awaitable(pg: Postgres, aconn: Async) -> None:
    """E03: the connection colours the call."""
    assert await pg.push(SONGS, Song("a.mp3"), on=aconn) == 1


async def test_without_a_connection_the_drivers_own_pool_commits(
    pg: Postgres, conn: Connection
) -> None:
    async with pg:
        first = await pg.push(SONGS, Song("a.mp3"))
        rest = await pg.push_many(SONGS, [Song("b.mp3"), Song("c.mp3")])
    assert [first, *rest] == [row[0] for row in conn.execute("select id from pgqueue.jobs")]


def test_a_rollback_pushes_nothing_and_wakes_nobody(
    pg: Postgres, conn: Connection, dsn: str
) -> None:
    """K02: the job commits with the caller's data, or not at all; so does its NOTIFY."""
    conn.execute("create table uploads (file text)")
    with listening(dsn) as listener, psycopg.connect(dsn) as mine:
        for end in (mine.rollback, mine.commit):
            mine.execute("insert into uploads values ('a.mp3')")
            pg.push(SONGS, Song("a.mp3"), on=mine)
            end()
        heard = [note.payload for note in listener.notifies(timeout=1, stop_after=2)]
    assert heard == ["songs"]
    assert (count(conn, "jobs"), conn.execute("select count(*) from uploads").fetchone()) == (
        1,
        (1,),
    )


def test_a_savepoint_that_is_rolled_back_takes_its_jobs_along(
    pg: Postgres, conn: Connection, dsn: str
) -> None:
    """K02: savepoints count."""
    with psycopg.connect(dsn) as mine:
        pg.push(SONGS, Song("kept.mp3"), on=mine)
        with mine.transaction(force_rollback=True):
            pg.push(SONGS, Song("gone.mp3"), on=mine)
    assert only_row(conn)["envelope"]["payload"] == {"file": "kept.mp3"}


def test_an_uncommitted_push_is_invisible_and_silent(
    pg: Postgres, conn: Connection, dsn: str
) -> None:
    """K03: before the commit no worker can see the job, or be woken by it."""
    with listening(dsn) as listener, psycopg.connect(dsn) as mine:
        pg.push(SONGS, Song("a.mp3"), on=mine)
        assert count(conn, "jobs") == 0
        assert list(listener.notifies(timeout=0.2)) == []
        mine.commit()
        assert count(conn, "jobs") == 1
        assert len(list(listener.notifies(timeout=1, stop_after=1))) == 1


def test_nobody_is_rung_while_nobody_sleeps(pg: Postgres, conn: Connection, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute("listen pgqueue")
        pg.push(SONGS, Song("a.mp3"), on=conn)
        assert list(listener.notifies(timeout=0.2)) == []


def test_a_push_may_be_silent(pg: Postgres, conn: Connection, dsn: str) -> None:
    with listening(dsn) as listener:
        pg.push(SONGS, Song("a.mp3"), on=conn, notify=False)
        pg.push_many(SONGS, [Song("a.mp3")], on=conn, notify=False)
        assert list(listener.notifies(timeout=0.2)) == []


def test_many_jobs_keep_their_order(pg: Postgres, conn: Connection) -> None:
    ids = pg.push_many(SONGS, (Song(f"{n}.mp3") for n in range(3000)), on=conn)
    rows = conn.execute("select id, envelope -> 'payload' ->> 'file' from pgqueue.jobs order by 1")
    assert rows.fetchall() == [(one, f"{n}.mp3") for n, one in enumerate(ids)]
    delayed = pg.push_many(SONGS, [Song("a"), Song("b")], on=conn, delay="1h")
    assert len(set(ids) | set(delayed)) == 3002
    assert pg.push_many(SONGS, [], on=conn) == []


def test_ids_with_others_in_between_are_each_its_own_jobs(pg: Postgres, conn: Connection) -> None:
    """A copied job's id is told before it is there, and other sessions take some meanwhile."""
    conn.execute("alter sequence pgqueue.jobs_id_seq increment by 3")
    ids = pg.push_many("plain", range(200), on=conn)
    rows = conn.execute("select id, (envelope -> 'payload')::int from pgqueue.jobs order by 1")
    assert rows.fetchall() == [(one, n) for n, one in enumerate(ids)]
    assert ids[1] - ids[0] == 3


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"file": "a.mp3"}, TypeError),
        ("a.mp3", TypeError),
        (Song("nul \x00"), PayloadError),
        (Song("half \ud800"), PayloadError),
        (Song("x" * 9_000_000), PayloadError),
    ],
    ids=["dict", "str", "nul", "surrogate", "large"],
)
def test_a_payload_is_refused_before_any_sql(
    pg: Postgres, dsn: str, payload: Any, error: type[Exception]
) -> None:
    """A16, B11: the caller's transaction is not aborted by what it must not push."""
    with psycopg.connect(dsn) as mine:
        with pytest.raises(error):
            pg.push(SONGS, payload, on=mine)
        with pytest.raises(error):
            pg.push_many(SONGS, [Song("good"), payload], on=mine)
        assert mine.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_typed_dict_is_checked_by_its_fields(pg: Postgres, conn: Connection) -> None:
    """A16: where isinstance cannot tell, the decoder can."""
    pg.push(CLIPS, Clip(file="a"), on=conn)
    wrong: Any = {"file": 5}
    with pytest.raises(TypeError, match=r"clips.*file"):
        pg.push(CLIPS, wrong, on=conn)


def test_a_sealed_value_is_not_wrapped_again(pg: Postgres, conn: Connection) -> None:
    """B09: the producer's edge seals once."""
    pg.push("plain", {"n": 1}, on=conn)
    with pytest.raises(ValueError, match="already sealed"):
        pg.push("plain", only_row(conn)["envelope"], on=conn)
    with pytest.raises(ValueError, match="already sealed"):
        pg.push_many("plain", [{"n": 1}, only_row(conn)["envelope"]], on=conn)
    assert count(conn, "jobs") == 1


def test_the_callers_row_factory_is_left_alone(pg: Postgres, dsn: str) -> None:
    with psycopg.connect(dsn, row_factory=dict_row) as mine:
        assert isinstance(pg.push(SONGS, Song("a"), on=mine), int)
        assert mine.execute("select 1 as one").fetchone() == {"one": 1}


def test_a_missing_schema_names_the_command(empty_dsn: str) -> None:
    """C25: the error says what to run."""
    with (
        psycopg.connect(empty_dsn) as mine,
        pytest.raises(SchemaError, match="pgqueue migrate") as caught,
    ):
        Postgres(empty_dsn).push(SONGS, Song("a"), on=mine)
    assert isinstance(caught.value.__cause__, psycopg.Error)


async def test_an_unreachable_database_is_not_a_bad_payload() -> None:
    """B14: distinct errors, the backend's own as the cause."""
    pg = Postgres("postgresql://nobody@127.0.0.1:1/nothing", connect_timeout="1s")
    with pytest.raises(Unavailable) as caught:
        await pg.push(SONGS, Song("a"))
    assert caught.value.__cause__ is not None
    await pg.close()


class listening:
    """A connection that hears the doorbell, because it sleeps like a worker."""

    def __init__(self, dsn: str) -> None:
        self._conn = psycopg.connect(dsn, autocommit=True)

    def __enter__(self) -> Connection:
        self._conn.execute("listen pgqueue")
        self._conn.execute("select pg_advisory_lock_shared(7067, pgqueue.bell('songs'))")
        return self._conn

    def __exit__(self, *_: object) -> None:
        self._conn.close()
