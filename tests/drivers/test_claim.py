"""What the claim promises: order, room, leases, and that nobody waits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from pgqueue.drivers.postgres.claims import CLAIM, RECALL
from pgqueue.drivers.postgres.lanes import Lanes
from pgqueue.seam import Delivery
from tests.drivers.store import Connection, claim, count, extend, insert, lapse


def test_jobs_are_claimed_in_the_order_of_their_push(conn: Connection) -> None:
    ids = insert(conn, "audio", 5)
    assert [one.id for one in claim(conn, {"audio": 10})] == ids


def test_lower_numbers_of_priority_are_claimed_first(conn: Connection) -> None:
    low, high, middle = (insert(conn, "audio", 1, priority)[0] for priority in (9, 0, 5))
    assert [one.id for one in claim(conn, {"audio": 2})] == [high, middle]
    assert [one.id for one in claim(conn, {"audio": 2})] == [low]


def test_a_claim_never_exceeds_a_queues_room_over_all_its_priorities(conn: Connection) -> None:
    for priority in range(10):
        insert(conn, "audio", 3, priority)
    insert(conn, "video", 3)
    claimed = claim(conn, {"audio": 4, "video": 2}, limit=100)
    assert [one.queue for one in claimed].count("audio") == 4
    assert [one.queue for one in claimed].count("video") == 2


def test_a_claim_never_exceeds_its_limit(conn: Connection) -> None:
    insert(conn, "audio", 10)
    insert(conn, "video", 10)
    assert len(claim(conn, {"audio": 10, "video": 10}, limit=13)) == 13


def test_a_claim_counts_the_attempt_and_hides_the_job(conn: Connection) -> None:
    """K01: what is leased is a plain row with its lease, deadline, attempt and worker."""
    [job] = insert(conn, "audio")
    [delivery] = claim(conn, {"audio": 1}, token=42)
    assert (delivery.id, delivery.token, delivery.attempt) == (job, 42, 1)
    assert claim(conn, {"audio": 1}) == []
    row = conn.execute(
        "select lease, worker, attempt, visible_at - now() between interval '59 s' and "
        "interval '60 s', state from pgqueue.jobs join pgqueue.all_jobs using (id, worker, attempt)"
    ).fetchone()
    assert row == (42, "test", 1, True, "leased")


def test_what_waits_is_a_plain_row_with_its_state(conn: Connection) -> None:
    """K01: pending, delayed, leased and failed-waiting jobs are rows that a query can tell."""
    insert(conn, "audio")
    conn.execute("select pgqueue.push('audio', '1', delay => '1 h')")
    rows = conn.execute("select state, attempt, due_at > now() from pgqueue.all_jobs order by id")
    assert rows.fetchall() == [("ready", 0, False), ("scheduled", 0, True)]


def test_a_lapsed_lease_makes_the_job_visible_again_counted_once(conn: Connection) -> None:
    """K05: the attempt counts, the job is not dead, and its failures name the lost worker."""
    [job] = insert(conn, "audio")
    claim(conn, {"audio": 1}, token=1)
    lapse(conn, job)
    [again] = claim(conn, {"audio": 1}, token=2)
    assert (again.id, again.attempt, again.lost) == (job, 2, True)
    row = conn.execute(
        "select failures -> 0 ->> 'worker', failures -> 0 ->> 'attempt' from pgqueue.jobs"
    ).fetchone()
    assert row == ("test", "1")
    assert count(conn, "dead_jobs") == 0


def test_a_lease_is_extended_only_by_its_token(conn: Connection) -> None:
    [job] = insert(conn, "audio")
    claim(conn, {"audio": 1}, token=1)
    assert extend(conn, job, token=2) == []
    assert extend(conn, job, token=1) == [(job, True)]


def test_no_claimer_waits_for_another(conn: Connection, dsn: str) -> None:
    """K04: a claim that is not committed yet holds nobody up; the others take the next jobs."""
    ids = insert(conn, "audio", 30)
    conn.execute("set lock_timeout = '1ms'")
    with psycopg.connect(dsn) as holder:
        first = claim(holder, {"audio": 10}, limit=10, token=1)
        rest = claim(conn, {"audio": 100}, token=2)
        assert [one.id for one in (*first, *rest)] == ids
    assert claim(conn, {"audio": 100}, token=3) == []


def test_no_job_is_claimed_twice(dsn: str) -> None:
    """K04: 32 claimers drain 3,200 jobs, each of them once."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        ids = insert(conn, "audio", 3200)
    with ThreadPoolExecutor(32) as pool:
        drained = [job for some in pool.map(partial(drain, dsn), range(32)) for job in some]
    assert sorted(drained) == ids


def drain(dsn: str, token: int) -> list[int]:
    """Claim until nothing is left; return the jobs."""
    drained: list[int] = []
    with psycopg.connect(dsn, autocommit=True) as conn:
        while some := claim(conn, {"audio": 10}, limit=10, token=token):
            drained.extend(one.id for one in some)
    return drained


def test_a_higher_queue_that_fills_the_batch_leaves_lower_rows_unlocked(
    conn: Connection, dsn: str
) -> None:
    """C13: a claim over three queues is one statement, and locks no row of a lower queue."""
    for queue in ("high", "default", "low"):
        insert(conn, queue, 10)
    with psycopg.connect(dsn) as holder:
        held = claim(holder, {"high": 10, "default": 10, "low": 10}, limit=5)
        assert {one.queue for one in held} == {"high"}
        free = conn.execute("select queue from pgqueue.jobs for update skip locked").fetchall()
    assert len(free) == 25
    assert [row[0] for row in free].count("default") == 10


@pytest.mark.parametrize("order", [("high", "low"), ("low", "high")])
def test_the_callers_order_of_queues_counts(conn: Connection, order: tuple[str, str]) -> None:
    insert(conn, "low", 3)
    insert(conn, "high", 3)
    rooms = dict.fromkeys(order, 3)
    assert [one.queue for one in claim(conn, rooms, limit=3)] == [order[0]] * 3


def test_a_cursor_leaves_stragglers_to_the_sweep(conn: Connection, dsn: str) -> None:
    lanes = Lanes()
    with psycopg.connect(dsn) as late:
        [straggler] = insert(late, "audio")
        insert(conn, "audio", 2)
        lanes.advance(claim(conn, {"audio": 5}, lanes=lanes))
        late.commit()
    assert claim(conn, {"audio": 5}, lanes=lanes) == []
    swept = claim(conn, {"audio": 5}, lanes=None)
    assert [one.id for one in swept] == [straggler]
    before = lanes.cursors(["audio"])
    lanes.advance(swept)
    assert lanes.cursors(["audio"]) == before, "what was read would be read again"


@pytest.mark.parametrize(
    "column", ["visible_at", "pushed_at", "expires_at"], ids=lambda column: f"jobs.{column}"
)
@pytest.mark.parametrize("value", ["infinity", "-infinity", "12000-01-01", "0044-03-15 BC"])
def test_a_time_that_no_client_can_read_is_refused_by_the_table(
    conn: Connection, column: str, value: str
) -> None:
    insert(conn, "audio")
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(f"update pgqueue.jobs set {column} = %s", (value,))


def test_a_row_at_the_last_attempt_number_does_not_break_the_claim(conn: Connection) -> None:
    insert(conn, "audio", 2)
    conn.execute("update pgqueue.jobs set attempt = 32767")
    assert [one.attempt for one in claim(conn, {"audio": 5})] == [32767, 32767]


def test_a_lost_claim_is_read_back_as_it_was_claimed() -> None:
    """M21: the same columns in the same order: a worker cannot tell one from the other."""
    claimed, recalled = (one.text.partition(b"\nreturning ")[2] for one in (CLAIM, RECALL))
    assert claimed == recalled != b""


NARROW = {
    "as the planner likes": (),
    "nested loops": ("enable_hashjoin", "enable_mergejoin", "enable_material", "enable_memoize"),
    "no nested loops": ("enable_nestloop", "enable_tidscan"),
    "no index scans": ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"),
}


@pytest.mark.parametrize("switched_off", NARROW.values(), ids=NARROW)
def test_no_claim_takes_more_than_its_limit_whatever_the_plan(
    conn: Connection, dsn: str, switched_off: tuple[str, ...]
) -> None:
    """M32, A06: eight claimers beside each other: the limit and each queue's room hold, always."""
    insert(conn, "audio", 200)
    insert(conn, "video", 100, priority=0)
    rooms, limit = {"audio": 4, "video": 2}, 5

    def drain(token: int) -> list[list[Delivery]]:
        claims: list[list[Delivery]] = []
        with psycopg.connect(dsn, autocommit=True) as claimer:
            for name in switched_off:
                claimer.execute(f"set {name} = off")
            while claims[-1:] != [[]]:
                claims.append(claim(claimer, rooms, limit=limit, token=token))
        return claims

    with ThreadPoolExecutor(8) as threads:
        claims = [one for each in threads.map(drain, range(1, 9)) for one in each]
    assert max(map(len, claims)) <= limit
    for queue, room in rooms.items():
        assert max(sum(one.queue == queue for one in each) for each in claims) <= room
    assert sorted(one.id for each in claims for one in each) == list(range(1, 301))
