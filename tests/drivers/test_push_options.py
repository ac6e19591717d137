"""What a push may say about its job, and what is refused before any SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgqueue import (
    ConfigError,
    PayloadError,
    Postgres,
    Queue,
    UnsupportedOption,
    exponential,
    fixed,
    listed,
)
from tests.drivers.store import Connection, count, only_row


@dataclass(frozen=True)
class Song:
    file: str


SONGS = Queue("songs", Song)


@pytest.fixture
def pg(dsn: str) -> Postgres:
    """The driver on the test's database."""
    return Postgres(dsn)


def test_every_option_is_stored_with_the_job(pg: Postgres, conn: Connection) -> None:
    """E06, E07: what the push said is on the row."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    pg.push(
        SONGS,
        Song("a.mp3"),
        on=conn,
        name="welcome",
        priority=2,
        attempts=3,
        backoff=exponential("5s", cap="1m", jitter=0.5),
        timeout="30s",
        expires_in="1h",
        carrier={"traceparent": trace},
    )
    row = only_row(conn)
    assert (row["name"], row["priority"], row["max_attempts"]) == ("welcome", 2, 3)
    assert row["backoff"] == {"first": 5, "factor": 2, "cap": 60, "jitter": 0.5, "steps": []}
    assert row["timeout"] == timedelta(seconds=30)
    assert row["expires_at"] - row["visible_at"] == timedelta(hours=1)
    assert row["envelope"]["traceparent"] == trace


def test_a_silent_push_stores_nulls(pg: Postgres, conn: Connection) -> None:
    """E06: so that the policy of a redeployed processor governs jobs that wait already."""
    pg.push(SONGS, Song("a.mp3"), on=conn)
    row = only_row(conn)
    silent = ("name", "max_attempts", "backoff", "timeout", "expires_at", "failures")
    assert [row[one] for one in silent] == [None] * 6


@pytest.mark.parametrize("backoff", [fixed(3), exponential(2), listed(1, 5, 30)], ids=repr)
def test_a_stored_backoff_is_the_one_that_was_pushed(
    pg: Postgres, conn: Connection, backoff: Any
) -> None:
    """E07: fixed, exponential and listed waits survive the row."""
    pg.push(SONGS, Song("a.mp3"), on=conn, backoff=backoff)
    assert type(backoff).from_json(only_row(conn)["backoff"]) == backoff


@pytest.mark.parametrize("delay", ["1h", 3600, timedelta(hours=1)], ids=repr)
def test_a_delayed_job_waits_beside_the_hot_table(
    pg: Postgres, conn: Connection, delay: Any
) -> None:
    pushed = pg.push(SONGS, Song("a.mp3"), on=conn, delay=delay)
    row = only_row(conn, "scheduled_jobs")
    assert row["id"] == pushed
    assert timedelta(minutes=59) < row["run_at"] - datetime.now(UTC) < timedelta(minutes=61)
    assert count(conn, "jobs") == 0


def test_a_job_may_wait_for_a_moment(pg: Postgres, conn: Connection) -> None:
    moment = datetime(2040, 2, 29, 12, tzinfo=UTC)
    pg.push(SONGS, Song("a.mp3"), on=conn, run_at=moment)
    assert only_row(conn, "scheduled_jobs")["run_at"] == moment


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"retires": 3}, UnsupportedOption, "retires"),
    ({"priority": 10}, ConfigError, "priority"),
    ({"attempts": 0}, ConfigError, "attempts"),
    ({"attempts": -1}, ConfigError, "attempts"),
    ({"attempts": 40_000}, ConfigError, "attempts"),
    ({"delay": "soon"}, ValueError, "delay"),
    ({"delay": "1h", "run_at": datetime.now(UTC)}, ConfigError, "run_at"),
    ({"run_at": datetime(2040, 1, 1)}, ConfigError, "time zone"),
    ({"run_at": datetime(9500, 1, 1, tzinfo=UTC)}, ConfigError, "run_at"),
    ({"timeout": 0}, ConfigError, "timeout"),
    ({"name": "a b"}, ValueError, "job name"),
    ({"backoff": lambda _: timedelta()}, ConfigError, "function"),
    ({"carrier": {"user": "7"}}, PayloadError, "carrier"),
    ({"expires_in": "200000d"}, ValueError, "expires_in"),
]


@pytest.mark.parametrize(("options", "error", "named"), WRONG, ids=lambda value: str(value)[:30])
def test_an_option_is_refused_before_any_sql(
    pg: Postgres, conn: Connection, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    """B13, E12: zero attempts, unknown options and their like are named, never ignored."""
    with pytest.raises(error, match=named):
        pg.push(SONGS, Song("a"), on=conn, **options)
    assert count(conn, "jobs") == 0
