"""Dead letters as Python sees them: found, redriven and discarded, on any connection."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres, Queue
from pgqueue.letters import Report
from tests.drivers.letters import bury, bury_many, hold
from tests.drivers.store import Connection, claim, count, only_row, places

OPTIONS = (
    "id", "queue", "name", "priority", "max_attempts", "backoff", "timeout", "envelope", "failures",
    "pushed_at",
)  # fmt: skip

# What a worker does with jobs that fail for good, all at once.
DYING = """
with gone as (
  delete from pgqueue.jobs returning id, queue, envelope, failures, pushed_at, redrives
)
insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at, redrives)
select id, queue, 'exhausted', envelope, coalesce(failures, '[]'), pushed_at, redrives from gone
"""


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


def test_a_redriven_job_is_what_was_pushed(pg: Postgres, conn: Connection) -> None:
    """C27, C29, L5: the same row with a fresh budget, no expiry, and its failures."""
    bury(conn, 7, name="welcome")
    before = only_row(conn, "dead_jobs")
    assert pg.dead.redrive(7, on=conn)
    after = only_row(conn)
    assert {name: after[name] for name in OPTIONS} == {name: before[name] for name in OPTIONS}
    assert [after[name] for name in ("attempt", "expires_at", "lease", "redrives")] == [
        *(0, None, None, 1),
    ]
    [delivery] = claim(conn, {"audio": 1})
    assert (delivery.id, delivery.attempt, delivery.expired, delivery.lost) == (7, 1, False, False)


def test_a_redriven_job_can_wait_and_go_elsewhere(pg: Postgres, conn: Connection) -> None:
    """C27: delay and to_queue, by id and by filter."""
    bury(conn, 1)
    bury(conn, 2)
    assert pg.dead.redrive(1, on=conn, delay="1h", to_queue=Queue("slow"))
    assert pg.dead.redrive("audio", on=conn, delay="1h", to_queue="slow") == 1
    waiting = conn.execute(
        "select id, queue, redrives, run_at > now() + interval '59 min' from pgqueue.scheduled_jobs"
        " order by id"
    ).fetchall()
    assert waiting == [(1, "slow", 1, True), (2, "slow", 1, True)]


def test_what_was_named_is_reported(pg: Postgres, conn: Connection, mixed: None) -> None:
    """C31, L5: which are done, which unknown, and which a dead-letter processor holds."""
    hold(conn, 2, 4)
    report = pg.dead.redrive([9, 2, 1, 9, 3], on=conn)
    assert report == Report(done=(1, 3), unknown=(9,), held=(2,))
    assert not report
    assert pg.dead.discard([4, 5], on=conn) == Report(done=(5,), held=(4,))
    assert pg.dead.redrive(on=conn, all=True) == pg.dead.flush(on=conn, all=True) == 0
    assert pg.dead.redrive([], on=conn) == Report(())
    conn.execute("update pgqueue.dead_jobs set visible_at = now() where id = 2")
    assert pg.dead.redrive(2, on=conn), "a lapsed lease holds nothing"


def test_a_limit_takes_the_oldest_and_batches_take_all(pg: Postgres, conn: Connection) -> None:
    """D12, D14: more than a batch; each id once."""
    bury_many(conn, 2300)
    assert pg.dead.redrive(on=conn, all=True, limit=1500) == 1500
    assert pg.dead.count(on=conn) == 800
    assert pg.dead.redrive(on=conn, all=True, limit=0) == 0
    assert (count(conn, "jobs"), pg.dead.list(on=conn, limit=1000)[-1].id) == (1500, 1501)
    assert pg.dead.flush("q1", on=conn, limit=1) == 1
    assert pg.dead.redrive(on=conn, all=True) == 799
    ids = [row[0] for row in conn.execute("select id from pgqueue.jobs order by position")]
    assert ids == sorted(ids)


def test_a_rate_spreads_a_redrive_over_time(
    pg: Postgres, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D14: so many a second, in batches of a tenth of that."""
    paused: list[float] = []
    seen: list[int] = []

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        seen.append(count(conn, "jobs"))

    monkeypatch.setattr("pgqueue.drivers.postgres.dead.monotonic", lambda: 100 + sum(paused))
    monkeypatch.setattr("pgqueue.drivers.postgres.talk.time.sleep", sleep)
    bury_many(conn, 60)
    assert pg.dead.redrive(on=conn, all=True, rate=200) == 60
    assert seen == [20, 40, 60]
    assert sum(paused) == pytest.approx(60 / 200)


def test_a_redrive_ends_though_what_it_revives_dies_again(
    pg: Postgres, conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M67: a job that dies at once is redriven once, with its count; nothing goes in circles."""
    bury_many(conn, 30)

    def die(_: float) -> None:
        conn.execute(DYING)
        conn.execute("select pgqueue.push('audio', '1')")

    monkeypatch.setattr("pgqueue.drivers.postgres.talk.time.sleep", die)
    assert pg.dead.redrive(on=conn, all=True, rate=100) == 30
    conn.execute(DYING)
    redriven = conn.execute(
        "select redrives, count(*) from pgqueue.dead_jobs group by 1 order by 1"
    )
    assert redriven.fetchall() == [(0, 3), (1, 30)]


def test_concurrent_redrives_never_push_twice(dsn: str, conn: Connection) -> None:
    """D14, M67: four at once, by filter and by id; each letter is revived by one of them."""
    bury_many(conn, 4000)
    start = threading.Barrier(4)

    def redrive(n: int) -> int:
        pg = Postgres(dsn)
        with psycopg.connect(dsn, autocommit=True) as own:
            start.wait()
            if n == 0:
                return len(pg.dead.redrive(range(1, 4001), on=own).done)
            return pg.dead.redrive(on=own, all=True)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(redrive, range(4)))
    left = Postgres(dsn).dead.redrive(on=conn, all=True)
    assert sum(done) + left == 4000
    assert (count(conn, "jobs"), count(conn, "dead_jobs")) == (4000, 0)
    assert {row[0] for row in conn.execute("select redrives from pgqueue.jobs")} == {1}


@pytest.fixture
def calls(pg: Postgres) -> dict[str, Any]:
    return {"redrive": pg.dead.redrive, "flush": pg.dead.flush, "count": pg.dead.count}


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
        ("redrive", {"all": True, "limit": -1}, ValueError, "limit: -1 is negative"),
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
