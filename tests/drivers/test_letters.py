"""Dead letters as Python sees them: found, redriven and discarded, on any connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres, Queue
from pgqueue.letters import Report
from tests.drivers.letters import bury
from tests.drivers.store import Connection, places


@pytest.fixture
def pg(dsn: str) -> Postgres:
    return Postgres(dsn)


@pytest.fixture
async def pooled(dsn: str) -> AsyncIterator[Postgres]:
    async with Postgres(dsn) as pg:
        yield pg


@pytest.fixture
def mixed(conn: Connection) -> None:
    """Five dead letters, each different."""
    bury(conn, 1, name="welcome", age="3 days")
    bury(conn, 2, reason="lost", errors=["ValueError: no", "TimeoutError: bank 7"], age="2 hours")
    bury(conn, 3, handled=True, age="1 hour")
    bury(conn, 4, "mail", parked=True)
    bury(conn, 5, "mail", errors=[], reason="rejected")


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"queue": "audio"}, [3, 2, 1]),
        ({"queue": Queue("mail")}, [5, 4]),
        ({"name": "welcome"}, [1]),
        ({"reason": "lost"}, [2]),
        ({"older_than": "1h"}, [3, 2, 1]),
        ({"newer_than": "1d"}, [5, 4, 3, 2]),
        ({"older_than": "90m", "newer_than": "1d"}, [2]),
        ({"error": "bank"}, [2]),
        ({"error": "ValueError"}, [4, 3, 1]),
        ({"error": "%"}, []),
        ({"unhandled": True}, [5, 4, 2, 1]),
        ({"unhandled": False}, [3]),
        ({"parked": True}, [4]),
        ({"parked": False, "queue": "mail"}, [5]),
        ({"queue": "text"}, []),
    ],
)
def test_a_filter_means_the_same_to_every_tool(
    pg: Postgres, conn: Connection, mixed: None, wanted: dict[str, Any], ids: list[int]
) -> None:
    """D11, C26: listed, counted, and taken, by queue, name, reason, age, error and state."""
    assert [one.id for one in pg.dead.list(on=conn, **wanted)] == ids
    assert pg.dead.count(on=conn, **wanted) == len(ids)
    everything: dict[str, Any] = {"all": not wanted}
    assert pg.dead.redrive(on=conn, dry_run=True, **everything, **wanted) == len(ids)
    with conn.transaction(force_rollback=True):
        assert pg.dead.flush(on=conn, **everything, **wanted) == len(ids)
    assert pg.dead.redrive(on=conn, **everything, **wanted) == len(ids)
    assert {job for job, tables in places(conn).items() if tables == ["jobs"]} == set(ids)


async def test_the_connection_colours_the_call(
    pooled: Postgres, conn: Connection, aconn: psycopg.AsyncConnection[Any], mixed: None
) -> None:
    """B35: a blocking one gives values, an async one and the driver's pool awaitables."""
    assert pooled.dead.count(on=conn) == 5
    assert await pooled.dead.count(on=aconn) == await pooled.dead.count() == 5
    assert [one.id for one in await pooled.dead.list(limit=2)] == [5, 4]
    assert await pooled.dead.get(1) == await pooled.dead.get(1, on=aconn)
    assert await pooled.dead.redrive(1, on=aconn) == Report((1,))
    assert await pooled.dead.redrive(reason="lost") == 1
    assert await pooled.dead.discard([3]) == Report((3,))
    assert await pooled.dead.flush("mail", on=aconn) == 2
    assert (await pooled.stats()).dead == ()


def test_what_is_done_joins_the_callers_transaction(
    pg: Postgres, conn: Connection, mixed: None
) -> None:
    """C30: nothing is redriven, discarded or flushed if the transaction is not committed."""
    with conn.transaction(force_rollback=True):
        assert pg.dead.redrive([1, 2], on=conn)
        assert pg.dead.discard(3, on=conn)
        assert pg.dead.flush(on=conn, all=True) == 2
        assert pg.dead.count(on=conn) == 0
    assert pg.dead.count(on=conn) == 5


def test_pages_stay_stable_while_letters_come_and_go(pg: Postgres, conn: Connection) -> None:
    """D13: peeking takes nothing away, and no letter is on two pages or between them."""
    for number in range(1, 10):
        bury(conn, number * 10)
    first = pg.dead.list(on=conn, limit=4)
    bury(conn, 95)
    pg.dead.discard(80, on=conn)
    second = pg.dead.list(on=conn, limit=4, after=first[-1].id)
    third = pg.dead.list(on=conn, limit=4, after=second[-1].id)
    assert [[one.id for one in page] for page in (first, second, third)] == [
        *([90, 80, 70, 60], [50, 40, 30, 20], [10]),
    ]


def test_a_letter_is_shown_in_full(pg: Postgres, conn: Connection, mixed: None) -> None:
    """A24, C26: with its envelope and every failure that was kept, oldest first."""
    shown = pg.dead.get(2, on=conn)
    assert shown is not None
    assert [failure.error for failure in shown.failures] == [
        *("ValueError: no", "TimeoutError: bank 7"),
    ]
    assert [failure.attempt for failure in shown.failures] == [1, 2]
    assert '"to": "ada"' in shown.envelope
    assert shown.summary == next(one for one in pg.dead.list(on=conn) if one.id == 2)
    assert pg.dead.get(99, on=conn) is None


def test_a_failure_that_somebody_wrote_by_hand_does_not_hide_the_letter(
    pg: Postgres, conn: Connection
) -> None:
    """M57: whatever JSON it is."""
    bury(conn, 1, failures='[{}, {"error": 7, "attempt": "x"}]')
    shown = pg.dead.get(1, on=conn)
    assert shown is not None
    assert [failure.error for failure in shown.failures] == ["", "7"]


@pytest.mark.parametrize(
    ("envelope", "failures"),
    [
        ('{"v": 1, "payload": ' + "[" * 3000 + "]" * 3000 + "}", "[]"),
        ('{"v": 1, "payload": ' + "7" * 5000 + "}", "[]"),
        ('{"v": 9, "payload": null}', "[" * 3000 + "]" * 3000),
        ('{"v": 1, "payload": 1}', "[1, null]"),
        ('{"v": 1, "payload": 1}', '[{"error": "' + "x" * 10_000_000 + '"}]'),
    ],
    ids=["deep", "digits", "deep failures", "no failures", "long error"],
)
def test_a_letter_that_nobody_can_read_is_listed_shown_and_redriven(
    pg: Postgres, conn: Connection, envelope: str, failures: str
) -> None:
    """M55, M57, M59, B07: and the ones beside it are not harmed."""
    for number in (1, 2, 3):
        bury(conn, number)
    conn.execute(
        "update pgqueue.dead_jobs set envelope = %s::text::jsonb, failures = %s::text::jsonb"
        " where id = 2",
        (envelope, failures),
    )
    assert [len(one.error or "") <= 1000 for one in pg.dead.list(on=conn)] == [True] * 3
    shown = pg.dead.get(2, on=conn)
    assert shown is not None
    assert len(shown.failures) == (failures != "[]")
    assert pg.dead.count(error="ValueError", on=conn) >= 2
    assert pg.dead.redrive("audio", on=conn) == 3
    kept = conn.execute(
        "select envelope = %s::text::jsonb from pgqueue.jobs where id = 2", (envelope,)
    )
    assert kept.fetchone() == (True,)


@pytest.fixture
def calls(pg: Postgres) -> dict[str, Any]:
    named = pg.dead
    return {
        "redrive": named.redrive,
        "flush": named.flush,
        "count": named.count,
        "list": named.list,
    }


@pytest.mark.parametrize(
    ("call", "words", "error", "said"),
    [
        ("redrive", {}, ValueError, "the filter is empty.*all=True"),
        ("flush", {}, ValueError, "the filter is empty.*all=True"),
        ("flush", {"queue": None, "name": None}, ValueError, "the filter is empty"),
        ("count", {"reasons": "lost"}, TypeError, "reasons does not filter.*did you mean reason"),
        ("count", {"reason": "bored"}, ValueError, "reason: 'bored' is none of exhausted"),
        ("count", {"queue": "a b"}, ValueError, "queue name 'a b'"),
        ("count", {"queue": "a.dead"}, ValueError, "addresses of dead letters"),
        ("count", {"name": "a b"}, ValueError, "job name 'a b'"),
        ("count", {"older_than": "soon"}, ValueError, "older_than: 'soon' is not a duration"),
        ("count", {"error": ""}, ValueError, "error: give a part"),
        ("count", {"unhandled": "yes"}, ValueError, "unhandled: 'yes' is neither"),
        ("redrive", {"all": True, "rate": 0}, ValueError, "rate: 0 is not a rate"),
        ("redrive", {"all": True, "limit": -1}, ValueError, "limit: -1 is no number of letters"),
        ("redrive", {"all": True, "limit": 1.5}, ValueError, "limit: 1.5 is no number of letters"),
        ("list", {"limit": -1}, ValueError, "limit: -1 is no number of letters"),
        ("redrive", {"all": True, "delay": "-1s"}, ValueError, "delay: '-1s'"),
        ("redrive", {"all": True, "to_queue": "a.dead"}, ValueError, "addresses of dead letters"),
        ("redrive", {"what": 7, "reason": "lost"}, TypeError, "ids and reason exclude each other"),
        ("redrive", {"what": ["7"]}, TypeError, "'7' is not the id of a job"),
        ("redrive", {"what": "audio", "queue": "mail"}, TypeError, "given twice"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_asked(
    calls: dict[str, Any],
    call: str,
    words: dict[str, Any],
    error: type[Exception],
    said: str,
) -> None:
    """C28: also an empty filter, unless all is said; without any connection."""
    with pytest.raises(error, match=said):
        calls[call](**words)
