"""What nobody keeps any longer is pruned: by age and by number, a queue at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pgqueue import Config, Postgres
from pgqueue.drivers.postgres import chores
from tests.drivers.letters import bury, bury_many, hold
from tests.drivers.store import Connection


async def prune(conn: psycopg.AsyncConnection[Any], **settings: Any) -> list[int]:
    """Prune as a worker does, and return the ids that are left."""
    await chores.prune(conn, Config(dsn="", **settings))
    cursor = await conn.execute("select id from pgqueue.dead_jobs order by id")
    return [row[0] for row in await cursor.fetchall()]


@pytest.fixture
def dead(conn: Connection) -> None:
    for number, (queue, age) in enumerate(
        [("audio", "9 d"), ("audio", "3 d"), ("audio", "1 h"), ("mail", "9 d"), ("text", "3 d")], 1
    ):
        bury(conn, number, queue, age=age)


async def test_nothing_is_pruned_by_default(
    aconn: psycopg.AsyncConnection[Any], dead: None
) -> None:
    """L4: rows wait until somebody sets a retention."""
    assert await prune(aconn) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"dead_retention": "5d"}, [2, 3, 5]),
        ({"dead_keep": 1}, [3, 4, 5]),
        ({"dead_keep": 0}, []),
        ({"dead_retention": "2d", "dead_keep": 2}, [3]),
    ],
)
async def test_a_setting_holds_for_every_queue(
    aconn: psycopg.AsyncConnection[Any], dead: None, settings: dict[str, Any], left: list[int]
) -> None:
    """L4: by age and by number."""
    assert await prune(aconn, **settings) == left


async def test_an_operators_word_for_a_queue_counts_first_and_at_once(
    aconn: psycopg.AsyncConnection[Any], conn: Connection, dead: None
) -> None:
    """L4: rows of pgqueue.queues, obeyed without a restart."""
    conn.execute("insert into pgqueue.queues (queue, dead_retention) values ('audio', '30 days')")
    assert await prune(aconn, dead_retention="5d") == [1, 2, 3, 5]
    conn.execute("update pgqueue.queues set dead_retention = null, dead_keep = 1")
    conn.execute("insert into pgqueue.queues (queue, dead_retention) values ('text', '1 day')")
    assert await prune(aconn) == [3]


async def test_what_its_processor_holds_or_a_command_has_locked_is_left(
    aconn: psycopg.AsyncConnection[Any], conn: Connection, dsn: str, dead: None
) -> None:
    """L5: pruning waits for nobody."""
    hold(conn, 1)
    with psycopg.connect(dsn) as other:
        other.execute("select from pgqueue.dead_jobs where id = 2 for update")
        assert await prune(aconn, dead_retention="1d") == [1, 2, 3]
    assert await prune(aconn, dead_keep=0) == [1]


async def test_pruning_is_part_of_the_workers_periodic_work_and_comes_in_batches(
    conn: Connection, dsn: str
) -> None:
    """L4: a source's sweep prunes; 500 a statement, and no more than 10,000 a sweep."""
    bury_many(conn, 10_700)
    conn.execute("update pgqueue.dead_jobs set queue = 'audio'")
    pg = Postgres(dsn, dead_keep=100, dead_retention=timedelta(days=3650))
    async with pg.source(["mail"], "w") as source:
        await source.sweep()
        assert pg.dead.count(on=conn) == 700
        await source.sweep()
    assert pg.dead.list(on=conn, limit=1000)[-1].id == 10_601
