"""`pgqueue.publish()` in SQL: the same topics for psql, triggers and other languages."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.drivers.store import Connection, count, places

COPIES = "select id, queue, name from pgqueue.jobs order by queue"


def publish(conn: Connection, arguments: str) -> list[int]:
    return [row[0] for row in conn.execute(f"select pgqueue.publish({arguments})")]


def told(conn: Connection, function: str, topic: str, queue: str) -> Any:
    row = conn.execute(f"select pgqueue.{function}(%s, %s)", (topic, queue)).fetchone()
    return row and row[0]


def test_each_subscriber_has_its_own_copy(conn: Connection) -> None:
    """D01, D03, K02: the ids are those of the copies, which share nothing but the payload."""
    assert told(conn, "subscribe", "user.created", "mails") is True
    assert told(conn, "subscribe", "user.created", "audit") is True
    assert told(conn, "subscribe", "user.deleted", "other") is True
    ids = publish(conn, """'user.created', '{"id": 7}', priority => 2, attempts => 3""")
    assert conn.execute(COPIES).fetchall() == [
        (ids[0], "audit", "user.created"),
        (ids[1], "mails", "user.created"),
    ]
    rows = conn.execute("select distinct envelope, priority, max_attempts from pgqueue.jobs")
    assert rows.fetchall() == [({"v": 1, "payload": {"id": 7}}, 2, 3)]


def test_subscribing_again_changes_nothing(conn: Connection) -> None:
    assert told(conn, "subscribe", "user.created", "mails") is True
    assert told(conn, "subscribe", "user.created", "mails") is False
    assert count(conn, "subscriptions") == 1


def test_an_unsubscribed_queue_gets_no_more_copies_and_keeps_what_it_has(conn: Connection) -> None:
    """D04: the last one gone, messages wait on the queue of the topic's name again."""
    told(conn, "subscribe", "user.created", "mails")
    publish(conn, "'user.created', '1'")
    assert told(conn, "unsubscribe", "user.created", "mails") is True
    assert told(conn, "unsubscribe", "user.created", "mails") is False
    publish(conn, "'user.created', '2'")
    rows = conn.execute("select queue, name, envelope -> 'payload' from pgqueue.jobs order by id")
    assert rows.fetchall() == [
        ("mails", "user.created", 1),
        ("user.created", "user.created", 2),
    ]


def test_a_delayed_message_waits_beside_the_hot_table_once_for_each(conn: Connection) -> None:
    told(conn, "subscribe", "user.created", "mails")
    told(conn, "subscribe", "user.created", "audit")
    ids = publish(conn, "'user.created', '1', delay => '1 h'")
    assert places(conn) == {one: ["scheduled_jobs"] for one in ids}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("null, '1'", "cannot name a queue"),
        ("'', '1'", "cannot name a queue"),
        ("'user.dead', '1'", "cannot name a queue"),
        ("'user.created', null", "is null"),
        ("'user.created', '{\"v\": 1, \"payload\": 2}'", "already sealed"),
        ("'user.created', '1', delay => '1 s', run_at => now()", "both delay and run_at"),
    ],
)
def test_sql_refuses_what_python_refuses(conn: Connection, arguments: str, message: str) -> None:
    """B09, D01: nothing is wrapped twice, and an empty topic raises."""
    with pytest.raises(psycopg.Error, match=message):
        publish(conn, arguments)
    assert places(conn) == {}


@pytest.mark.parametrize(
    ("topic", "queue", "message"),
    [
        ("", "mails", "name_form"),
        ("user.created", "a b", "name_form"),
        ("user.created", "mails.dead", "subscriptions_queue"),
        ("user.created", None, "null value"),
    ],
)
def test_a_subscription_that_could_never_be_served_is_refused(
    conn: Connection, topic: str, queue: str, message: str
) -> None:
    """L6: it would make every publish fail."""
    with pytest.raises(psycopg.Error, match=message):
        told(conn, "subscribe", topic, queue)
