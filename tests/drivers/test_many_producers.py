"""Producers beside each other: one statement a push, no shared hot row, no deadlock."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import psycopg

from pgqueue import Postgres
from tests.drivers.store import Connection, count

PRODUCERS = 8
PUSHES = 100

PRODUCER = """
import sys, psycopg
from pgqueue import Postgres

dsn, pushes = sys.argv[1], int(sys.argv[2])
pg = Postgres(dsn)
with psycopg.connect(dsn) as conn:
    for number in range(pushes):
        ids = [pg.push("audio", number, on=conn)]
        ids += pg.push_many("video", range(10), on=conn)
        ids += [pg.push("audio", number, on=conn, delay="1h")]
        conn.commit()
        print(*ids)
"""


class Counting(psycopg.Cursor[Any]):
    """Counts what is sent."""

    sent = 0

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        Counting.sent += 1
        return super().execute(*args, **kwargs)


def test_producers_do_not_get_into_each_others_way(conn: Connection, dsn: str) -> None:
    """E13: eight processes push at once; every id is unique, and none of them fails."""
    command = [sys.executable, "-c", PRODUCER, dsn, str(PUSHES)]
    producers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(PRODUCERS)
    ]
    outputs = [producer.communicate(timeout=60) for producer in producers]
    assert [errors for _, errors in outputs] == [""] * PRODUCERS
    ids = [int(one) for output, _ in outputs for one in output.split()]
    assert len(ids) == len(set(ids)) == PRODUCERS * PUSHES * 12
    assert count(conn, "jobs") == PRODUCERS * PUSHES * 11
    assert count(conn, "scheduled_jobs") == PRODUCERS * PUSHES


def test_a_push_is_one_statement_and_waits_for_no_worker(dsn: str) -> None:
    """E10: off the request path: one round trip, whether or not anybody works."""
    pg = Postgres(dsn)
    with psycopg.connect(dsn, autocommit=True, cursor_factory=Counting) as conn:
        Counting.sent = 0
        for number in range(100):
            pg.push("audio", number, on=conn)
        assert Counting.sent == 100
        pg.push_many("audio", range(1000), on=conn)
        assert Counting.sent == 102
