"""Payloads of any size: warned about, refused, or cut; never taken for a lost connection."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgqueue import BackendError, Ids, PayloadError, Postgres, Unavailable
from pgqueue.drivers.postgres import order
from pgqueue.drivers.postgres.failures import translate
from tests.drivers.connections import KINDS, Caller
from tests.drivers.store import Connection, count

MIB = 2**20


@pytest.fixture(params=KINDS)
def caller(request: pytest.FixtureRequest, dsn: str) -> Iterator[Caller]:
    """An application with a transaction open, on each kind of connection."""
    with KINDS[request.param](dsn) as caller:
        yield caller


def test_a_large_payload_is_warned_about_once(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A14, E11: the queue and the size are named, the payload is not shown."""
    pg = Postgres(dsn, payload_warn_bytes=100, payload_max_bytes=200)
    with caplog.at_level(logging.WARNING, "pgqueue"):
        pg.push("mail", "c" * 98, on=conn)
        assert caplog.messages == []
        pg.push("mail", "canary" * 17, on=conn)
        pg.push_many("mail", ["x", "canary" * 20], on=conn)
    assert [one.partition(";")[0] for one in caplog.messages] == [
        "a payload for mail has 104 bytes",
        "a payload for mail has 122 bytes",
    ]
    assert "canary" not in caplog.text
    with pytest.raises(PayloadError, match="is 202 bytes and the limit is 200"):
        pg.push("mail", "c" * 200, on=conn)
    assert count(conn, "jobs") == 4


@pytest.mark.parametrize("mib", [300, 1100])
def test_what_no_jsonb_could_hold_is_refused_before_any_sql(
    dsn: str, conn: Connection, mib: int
) -> None:
    """M36: at the limit that is, and at the highest that can be set."""
    payload = ["x" * MIB] * mib
    for pg in (Postgres(dsn), Postgres(dsn, payload_max_bytes=2**28 - 1)):
        with conn.transaction(), pytest.raises(PayloadError, match=r"the payload is \d+ bytes and"):
            pg.push("mail", payload, on=conn)
    assert count(conn, "jobs") == 0


@pytest.mark.parametrize("size", ["268435456", "1100000000"])
def test_what_the_server_finds_too_large_is_no_lost_connection(conn: Connection, size: str) -> None:
    """M36: SQLSTATE 54000, which psycopg calls an OperationalError; it will never fit."""
    with pytest.raises(psycopg.OperationalError) as caught:
        conn.execute(f"select to_jsonb(repeat('x', {size}))".encode())
    assert caught.value.sqlstate == "54000"
    told = translate(caught.value)
    assert isinstance(told, BackendError)
    assert not isinstance(told, Unavailable)
    assert conn.execute("select 1").fetchone() == (1,)


def test_many_payloads_are_cut_by_their_size_too(
    dsn: str, caller: Caller, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M36: in no statement is more than a connection, or jsonb, can take; yet all or none."""
    monkeypatch.setattr(order, "MOST_TEXT", 1000)
    pg, told = Postgres(dsn), list[int]()
    sizes = [10, 900, 200, 5000, 10, 10, 990]
    ids: Ids = caller.run(
        pg.push_many("mail", ["x" * size for size in sizes], on=caller.on, progress=told.append)
    )
    keyed: Ids = caller.run(
        pg.push_many("mail", [*map(str, sizes)], on=caller.on, unique=lambda key: f"key {key}")
    )
    caller.run(caller.commit())
    assert told == [2, 3, 4, 6, 7]
    rows = dict(
        conn.execute("select id, length(envelope ->> 'payload') from pgqueue.jobs").fetchall()
    )
    assert [rows[one] for one in ids] == sizes
    assert [one.created for one in keyed] == [True, True, True, True, False, False, True]
    assert len(rows) == 7 + 5


def test_a_real_heap_of_them_passes(dsn: str, conn: Connection) -> None:
    """M36: more in all than one jsonb may hold costs statements, not the transaction."""
    heap: list[Any] = ["x" * 7 * MIB] * 40
    with KINDS["SQLAlchemy Session, psycopg"](dsn) as caller:
        ids = caller.run(Postgres(dsn).push_many("mail", heap, on=caller.on))
        caller.run(caller.commit())
    row = conn.execute("select count(*), min(length(envelope ->> 'payload')) from pgqueue.jobs")
    assert (len(ids), row.fetchone()) == (40, (40, 7 * MIB))
