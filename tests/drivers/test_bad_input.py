"""Whatever is pushed wrongly is refused before any SQL: the caller's transaction goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgqueue import ConfigError, PayloadError, Postgres, Unique
from pgqueue.payload import encode
from tests.contract.test_payload_json import ANYTHING, as_json
from tests.drivers.connections import KINDS, Caller
from tests.drivers.store import Connection

EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))
PAYLOADS: list[Any] = [
    "\0", "\ud800", {"a": ["\udfff"]}, {"\0": 1}, float("nan"), [float("-inf")], 10**4300,
    json.loads("[" * 201 + "]" * 201), {1: 2}, {None: 1}, object(), {"v": 1, "payload": 2},
    "x" * 9_000_000,
]  # fmt: skip
NAMES: list[Any] = ["", "a b", "\0", "\ud800", "a" * 49, "a\n", "x'; drop table jobs", "é", 7, b"a"]
OPTIONS: dict[str, list[Any]] = {
    "name": NAMES,
    "delay": [-1, "soon", float("nan"), float("inf"), timedelta.max, "999999d", 1e20, b"1", []],
    "run_at": [
        "2026-01-01", datetime(2026, 1, 1), date(2026, 1, 1), 5, [], datetime.max,
        datetime(9000, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=WEST),
        datetime.min.replace(tzinfo=EAST), datetime(1970, 1, 1, 5, tzinfo=EAST),
    ],
    "priority": [10, -1, "5", 2.0, None, True, float("nan"), 10**30, []],
    "attempts": [0, -1, 32_768, "3", 2.5, True, 10**30, []],
    "backoff": [lambda failures: 1, "5s", {}, 5],
    "timeout": [0, -1, "x", timedelta.max, float("inf"), []],
    "expires_in": [-1, "x", timedelta.max, float("nan"), []],
    "carrier": ["text", 5, [1], {"x": "y"}, {5: "x"}],
    "notify": ["no", 5, None, [], object()],
    "unique": ["", "\0", "\ud800", "k" * 513, "é" * 257, 5, b"k", object()],
    "bogus": [1],
}  # fmt: skip
REFUSED = (PayloadError, ConfigError, TypeError, ValueError)


@pytest.fixture(params=KINDS)
def caller(request: pytest.FixtureRequest, dsn: str) -> Iterator[Caller]:
    """An application with a transaction open, on each kind of connection."""
    with KINDS[request.param](dsn) as caller:
        yield caller


def refused(caller: Caller, push: Any, *arguments: Any, **options: Any) -> None:
    with pytest.raises(REFUSED) as caught:
        caller.run(push(*arguments, on=caller.on, **options))
    assert caught.value.__cause__ is None, "the database has seen it"
    assert len(str(caught.value)) < 500


def test_no_bad_input_aborts_the_callers_transaction(
    dsn: str, caller: Caller, conn: Connection
) -> None:
    """B11, K02, M52, M53, M54: payloads, names and options, on every kind of connection."""
    pg = Postgres(dsn)
    caller.run(pg.push("mail", "before", on=caller.on))
    for payload in PAYLOADS:
        refused(caller, pg.push, "mail", payload)
        refused(caller, pg.push_many, "mail", [1, payload])
        refused(caller, pg.publish, "topic", payload)
    for name in NAMES:
        refused(caller, pg.push, name, 1)
        refused(caller, pg.publish, name, 1)
    for option, values in OPTIONS.items():
        for value in values:
            given = (lambda _, key=value: key) if option == "unique" else value
            refused(caller, pg.push, "mail", 1, **{option: value})
            refused(caller, pg.push_many, "mail", [1], **{option: given})
    caller.run(pg.push("mail", "after", on=caller.on))
    caller.run(caller.commit())
    found = conn.execute("select envelope -> 'payload' from pgqueue.jobs order by id").fetchall()
    assert found == [("before",), ("after",)]


def test_how_a_key_is_unique_is_checked_too() -> None:
    """B11: a word of its own for each."""
    replace: Any = 5
    with pytest.raises(ConfigError, match="replace is 5; give True or False"):
        Unique("key", replace=replace)
    with pytest.raises(ConfigError, match="bytes of Unicode without NUL"):
        Unique("a\udcffb")


ON_ONE_CONNECTION = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@ON_ONE_CONNECTION
@given(payload=ANYTHING)
def test_any_json_is_stored_as_it_is_or_refused(dsn: str, conn: Connection, payload: Any) -> None:
    """B11, P11, M56: pushed alone, in a batch and with a key; equal as JSON, never an error."""
    pg = Postgres(dsn)
    try:
        sealed = encode(payload, max_bytes=2**20, where="mail")
    except PayloadError:
        sealed = None
    with conn.transaction(force_rollback=True):
        if sealed is None:
            for push in (
                lambda: pg.push("mail", payload, on=conn),
                lambda: many(pg, conn, payload),
            ):
                with pytest.raises(PayloadError):
                    push()
            assert conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        else:
            pg.push("mail", payload, on=conn)
            pg.push("mail", payload, on=conn, unique="key")
            many(pg, conn, payload)
            rows = conn.execute("select (envelope -> 'payload')::text from pgqueue.jobs").fetchall()
            assert [as_json(row[0]) for row in rows] == [as_json(sealed)] * 3


def many(pg: Postgres, conn: Connection, payload: Any) -> Any:
    return pg.push_many("mail", [payload], on=conn)


@ON_ONE_CONNECTION
@given(text=st.text(st.characters() | st.sampled_from("\0\ud800'%\n./-"), max_size=60))
def test_any_text_is_a_name_and_a_key_or_neither(dsn: str, conn: Connection, text: str) -> None:
    """B11, D27, M62: whatever text comes, the transaction lives, and SQL agrees with Python."""
    pg = Postgres(dsn)
    with conn.transaction(force_rollback=True):
        for push in (
            lambda: pg.push(text, 1, on=conn),
            lambda: pg.push("mail", 1, on=conn, name=text),
            lambda: pg.publish(text, 1, on=conn),
            lambda: pg.push("mail", 1, on=conn, unique=text),
        ):
            with suppress(*REFUSED):
                push()
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
