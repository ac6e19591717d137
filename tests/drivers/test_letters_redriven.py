"""Dead letters that are redriven: what they keep, how many at a time, and by one command only."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pgqueue import Postgres, Queue
from pgqueue.letters import Report
from tests.drivers.letters import bury, bury_many, hold
from tests.drivers.store import Connection, claim, count, only_row

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


def test_what_was_named_is_reported(pg: Postgres, conn: Connection) -> None:
    """C31, L5: which are done, which unknown, and which a dead-letter processor holds."""
    for number in range(1, 6):
        bury(conn, number)
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
