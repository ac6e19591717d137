"""Dead letters as SQL sees them: pgqueue.redrive, discard, and both by filter."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.drivers.letters import bury, bury_many, hold
from tests.drivers.store import Connection, count, places


def one(conn: Connection, query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def dead(conn: Connection) -> None:
    bury(conn, 1, age="3 days")
    bury(conn, 2, reason="lost", errors=["TimeoutError: bank 7"])
    bury(conn, 3, "mail", name="welcome", handled=True)
    bury(conn, 4, "mail", parked=True)


@pytest.mark.parametrize("verb", ["redrive_many", "discard_many"])
@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("queue => 'audio'", {1, 2}),
        ("name => 'welcome'", {3}),
        ("reason => 'lost'", {2}),
        ("older_than => '1 day'", {1}),
        ("newer_than => '1 day'", {2, 3, 4}),
        ("error => 'bank'", {2}),
        ("unhandled => true", {1, 2, 4}),
        ("parked => true", {4}),
        ("queue => 'mail', unhandled => false", {3}),
        ("queue => 'audio', max => 1", {1}),
        ('"all" => true', {1, 2, 3, 4}),
        ("queue => 'text'", set()),
    ],
)
def test_a_filter_takes_what_it_says(
    conn: Connection, dead: None, verb: str, words: str, ids: set[int]
) -> None:
    """D12, C28, C32: and returns how many."""
    assert one(conn, f"select pgqueue.{verb}({words})") == len(ids)
    found = places(conn)
    left = {job for job, tables in found.items() if tables == ["dead_jobs"]}
    assert left == {1, 2, 3, 4} - ids
    assert {job for job, tables in found.items() if tables == ["jobs"]} == (
        ids if verb == "redrive_many" else set()
    )


@pytest.mark.parametrize("verb", ["redrive_many", "discard_many"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "the filter is empty"),
        ("max => 7", "the filter is empty"),
        ("queue => null", "the filter is empty"),
        ("reason => 'bored'", "there is no reason 'bored'"),
    ],
)
def test_an_empty_filter_and_an_unknown_reason_are_refused(
    conn: Connection, dead: None, verb: str, words: str, said: str
) -> None:
    """C28: unless all is said."""
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=said):
        conn.execute(f"select pgqueue.{verb}({words})".encode())
    assert count(conn, "dead_jobs") == 4


@pytest.mark.parametrize("queue", ["a b", "mail.dead", ""])
def test_nothing_is_redriven_to_what_cannot_be_a_queue(conn: Connection, queue: str) -> None:
    """L6: also not to an address of dead letters."""
    bury(conn, 1)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="cannot name a queue"):
        conn.execute('select pgqueue.redrive_many("all" => true, to_queue => %s)', (queue,))


@pytest.mark.parametrize("argument", ["41", "'41'", "41::smallint", "id => 41"])
@pytest.mark.parametrize("verb", ["redrive", "discard"])
def test_one_is_redriven_or_discarded_by_its_id(conn: Connection, verb: str, argument: str) -> None:
    """D13: true once, whatever type the argument has; false if there is none, or it is held."""
    bury(conn, 41)
    hold(conn, 41)
    assert one(conn, f"select pgqueue.{verb}({argument})") is False
    conn.execute("update pgqueue.dead_jobs set visible_at = now()")
    assert one(conn, f"select pgqueue.{verb}({argument})") is True
    assert one(conn, f"select pgqueue.{verb}({argument})") is False


def test_letters_that_are_held_or_locked_are_left_out(conn: Connection, dsn: str) -> None:
    """L5: nobody waits for a row that another command has locked."""
    bury_many(conn, 4)
    hold(conn, 1)
    with psycopg.connect(dsn) as other:
        other.execute("select from pgqueue.dead_jobs where id = 2 for update")
        assert one(conn, 'select pgqueue.redrive_many("all" => true)') == 2
        assert one(conn, 'select pgqueue.discard_many("all" => true)') == 0
    assert one(conn, "select array_agg(id order by id) from pgqueue.dead_jobs") == [1, 2]


def test_a_redrive_wakes_the_workers_of_each_queue_once(conn: Connection, dsn: str) -> None:
    """L7: those who sleep, also when it goes elsewhere."""
    with psycopg.connect(dsn, autocommit=True) as ear:
        ear.execute("listen pgqueue")
        ear.execute(
            "select pg_advisory_lock_shared(7067, pgqueue.bell(queue))"
            " from unnest('{audio,mail,slow}'::text[]) queue"
        )
        for number, queue in enumerate(["audio", "mail", "audio"], 1):
            bury(conn, number, queue)
        conn.execute("select pgqueue.redrive_many(queue => 'audio')")
        conn.execute("select pgqueue.redrive_many(queue => 'mail', to_queue => 'slow')")
        heard = [note.payload for note in ear.notifies(timeout=30, stop_after=2)]
    assert heard == ["audio", "slow"]


def test_the_failures_of_an_earlier_life_come_back_with_the_next_death(conn: Connection) -> None:
    """M67, M60: the last 20 of both."""
    bury(conn, 1, errors=[f"E{n}" for n in range(15)])
    conn.execute("select pgqueue.redrive(1)")
    for n in range(10):
        conn.execute(
            "update pgqueue.jobs set failures = pgqueue.append_failure(failures, %s::jsonb)",
            (f'{{"error": "F{n}"}}',),
        )
    found = one(conn, "select failures from pgqueue.jobs")
    assert [failure["error"] for failure in found] == [
        *(f"E{n}" for n in range(5, 15)),
        *(f"F{n}" for n in range(10)),
    ]
