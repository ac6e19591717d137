"""Completing and claiming in one statement: all of both halves, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

import pgqueue_migrations
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from pgqueue.drivers.postgres.claims import CLAIM, EXCHANGE, RECALL, Claims
from pgqueue.drivers.postgres.lanes import Lanes
from pgqueue.drivers.postgres.settle import leased
from pgqueue.drivers.postgres.statement import run
from pgqueue.seam import Claim, Delivery, Lease
from tests.drivers.store import (
    ENVELOPE,
    Connection,
    claim,
    claim_parameters,
    count,
    extend,
    insert,
    lapse,
)

# No example leaves anything behind in the test's database.
ONE_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
Async = psycopg.AsyncConnection[Any]
PATIENCE = 45.0
SCHEDULE = """
insert into pgqueue.scheduled_jobs (queue, envelope, run_at)
values ('audio', %s, now() - interval '1 s')"""
QUEUES = ["audio", "video", "mail"]


def exchange(
    conn: Connection,
    done: Sequence[Lease],
    rooms: Mapping[str, int],
    *,
    limit: int = 100,
    token: int = 8,
    lanes: Lanes | None = None,
) -> tuple[list[int], list[Delivery]]:
    """Exchange as a worker does; return the jobs that were not completed, and the new ones."""
    parameters = claim_parameters(rooms, limit, token, lanes) | leased(done)
    rows = run(conn, EXCHANGE, parameters)
    missed = [row for row in rows if isinstance(row, int)]
    return missed, [row for row in rows if not isinstance(row, int)]


def leases(found: Sequence[Delivery]) -> list[Lease]:
    """Return the leases of what was found."""
    return [one.lease for one in found]


def held(conn: Connection, queue: str = "audio", jobs: int = 1, token: int = 7) -> list[Lease]:
    """Lease jobs, as many as there are."""
    return leases(claim(conn, {queue: jobs}, token=token))


def ids(conn: Connection) -> list[int]:
    """Return the jobs that are left."""
    return [row[0] for row in conn.execute("select id from pgqueue.jobs order by id")]


def test_it_completes_and_leases(conn: Connection) -> None:
    """What is done is gone, and what comes next is leased."""
    _, second, third = insert(conn, "audio", 3)
    missed, [found, other] = exchange(conn, held(conn), {"audio": 2})
    assert (missed, found.id, other.id) == ([], second, third)
    assert (found.token, found.attempt, found.lost, found.queue) == (8, 1, False, "audio")
    assert conn.execute("select id, lease from pgqueue.jobs").fetchall() == [
        (second, 8),
        (third, 8),
    ]


def test_both_halves_are_one_commit(conn: Connection) -> None:
    """A claim that fails undoes the completions beside it."""
    insert(conn, "audio", 2)
    done = held(conn)
    conn.execute("create function no() returns trigger language plpgsql as"
                 " $$ begin raise 'no'; end $$")  # fmt: skip
    conn.execute("create trigger no before update on pgqueue.jobs"
                 " for each row execute function no()")  # fmt: skip
    with pytest.raises(psycopg.errors.RaiseException):
        exchange(conn, done, {"audio": 2})
    assert len(ids(conn)) == 2


def test_a_stale_token_completes_nothing_and_is_told(conn: Connection) -> None:
    """P4: somebody else's lease; the others go all the same."""
    stale, kept, _ = insert(conn, "audio", 3)
    done = held(conn, jobs=2)
    wrong = Lease(stale, 99)
    missed, [found] = exchange(conn, [wrong, done[1]], {"audio": 5}, lanes=Lanes())
    assert missed == [stale]
    assert kept not in ids(conn)
    assert stale in ids(conn)
    assert found.id not in (stale, kept)


def test_a_job_that_is_no_more_is_told(conn: Connection) -> None:
    """P4: nobody's lease held."""
    assert exchange(conn, [Lease(12345, 7)], {"audio": 5}) == ([12345], [])


def test_a_released_job_is_not_completed_but_leased(conn: Connection) -> None:
    """P4: the old attempt lost it, the new one has it."""
    [job] = insert(conn, "audio")
    done = held(conn)
    conn.execute("update pgqueue.jobs set lease = null, worker = null, visible_at = now()")
    missed, [found] = exchange(conn, done, {"audio": 5})
    assert (missed, found.id, found.attempt) == ([job], job, 2)


@pytest.mark.parametrize("where", ["behind the cursor", "before the cursor"])
def test_a_job_whose_lease_lapsed_is_completed_and_not_leased_again(
    conn: Connection, where: str
) -> None:
    """P3: its token still holds, and the same statement must not hand it out."""
    lapsed, fresh = insert(conn, "audio", 2)
    lanes = Lanes()
    claimed = claim(conn, {"audio": 1})
    if where == "before the cursor":
        lanes.advance(claimed)
    lapse(conn, lapsed)
    missed, found = exchange(conn, [claimed[0].lease], {"audio": 5}, lanes=lanes)
    assert (missed, [one.id for one in found]) == ([], [fresh])
    assert ids(conn) == [fresh]


def test_a_lapsed_job_of_somebody_else_is_leased_as_lost(conn: Connection) -> None:
    """Only those that are completed are left out."""
    lapsed, done = insert(conn, "audio", 2)
    both = held(conn, jobs=2)
    lapse(conn, lapsed)
    missed, [found] = exchange(conn, [one for one in both if one.job == done], {"audio": 5})
    assert (missed, found.id, found.lost, found.attempt) == ([], lapsed, True, 2)


def test_with_nothing_to_claim_it_completes(conn: Connection) -> None:
    """An empty queue costs no outcome."""
    insert(conn, "audio", 3)
    assert exchange(conn, held(conn, jobs=3), {"audio": 3}) == ([], [])
    assert count(conn, "jobs") == 0


def test_with_nothing_to_complete_it_is_a_claim(conn: Connection) -> None:
    """The second half is that of claim.sql, word for word."""
    for queue in QUEUES:
        for priority in (3, 5):
            insert(conn, queue, 3, priority)
    rooms = {"video": 4, "audio": 1, "mail": 9}
    with conn.transaction(force_rollback=True):
        wanted = claim(conn, rooms, limit=8)
    with conn.transaction(force_rollback=True):
        missed, found = exchange(conn, [], rooms, limit=8, token=7)
    assert missed == []
    assert [one._replace(age=0) for one in found] == [one._replace(age=0) for one in wanted]


def test_queues_come_in_order_and_each_up_to_its_room(conn: Connection) -> None:
    """Urgent lanes first, a queue's room, then the limit of all."""
    jobs = {queue: insert(conn, queue, 4) for queue in QUEUES}
    urgent = insert(conn, "video", 1, priority=1)
    [done] = held(conn, "mail", 1)
    _, found = exchange(conn, [done], {"video": 3, "audio": 2, "mail": 4}, limit=6)
    taken = urgent + jobs["video"][:2] + jobs["audio"][:2] + jobs["mail"][1:2]
    assert sorted(one.id for one in found) == sorted(taken)


def test_what_another_session_has_locked_is_neither_waited_for_nor_completed(
    conn: Connection, direct_dsn: str
) -> None:
    """It comes back; a claim must not stand still for it."""
    locked, free, fresh = insert(conn, "audio", 3)
    done = held(conn, jobs=2)
    with psycopg.connect(direct_dsn) as other:
        other.execute("select from pgqueue.jobs where id = %s for update", (locked,))
        conn.execute("set statement_timeout = '20s'")
        missed, [found] = exchange(conn, done, {"audio": 1})
    assert (missed, found.id) == ([locked], fresh)
    assert ids(conn) == [locked, fresh]
    assert free == done[1].job


def recalled(conn: Connection, lease: Lease) -> None:
    """Lease a job anew whose claim's answer was lost."""
    more = {"depth": 100, "found": []}
    parameters = claim_parameters({"audio": 1}, token=lease.token) | more
    assert [one.id for one in run(conn, RECALL, parameters)] == [lease.job]


def extended(conn: Connection, lease: Lease) -> None:
    """Prolong a lease."""
    assert extend(conn, lease.job, lease.token) == [(lease.job, True)]


@pytest.mark.parametrize("then", [None, recalled, extended])
@pytest.mark.parametrize("by", ["claim", "exchange"])
def test_whatever_leased_a_job_it_is_completed_at_once(
    conn: Connection, by: str, then: Callable[[Connection, Lease], None] | None
) -> None:
    """None of our own statements leaves a mark that looks like another session's lock."""
    insert(conn, "audio")
    [one] = held(conn) if by == "claim" else leases(exchange(conn, [], {"audio": 1})[1])
    if then is not None:
        then(conn, one)
    assert exchange(conn, [one], {"audio": 1}) == ([], [])
    assert ids(conn) == []


def test_in_another_schema_it_is_the_same(conn: Connection, direct_dsn: str) -> None:
    """Every name in it follows the schema's."""
    pgqueue_migrations.upgrade(direct_dsn, schema="reports")
    insert(conn, "audio", 2)
    conn.execute(
        "insert into reports.jobs (queue, envelope) select queue, envelope from pgqueue.jobs"
    )
    claiming, exchanging = CLAIM.within("reports"), EXCHANGE.within("reports")
    [first] = run(conn, claiming, claim_parameters({"audio": 1}))
    parameters = claim_parameters({"audio": 1}, token=8) | leased([first.lease])
    [second] = run(conn, exchanging, parameters)
    assert isinstance(second, Delivery)
    assert conn.execute("select id, lease from reports.jobs").fetchall() == [(second.id, 8)]
    assert conn.execute("select lease from pgqueue.jobs").fetchall() == [(None,), (None,)]


def wanted(token: int) -> Claim:
    """What a worker with five free slots asks for."""
    rooms, lease = {"audio": 5}, timedelta(minutes=1)
    return Claim(rooms=rooms, limit=5, token=token, lease=lease, worker="test")


async def test_a_worker_that_only_exchanges_finds_leases_that_have_lapsed(
    conn: Connection, aconn: Async
) -> None:
    """P6: behind its cursors it looks now and then, without any claim."""
    claims = Claims(["audio"], "pgqueue")
    lapsed, _ = insert(conn, "audio", 2)
    assert len(await claims.claim(aconn, wanted(7), rung=False)) == 2
    lapse(conn, lapsed)
    deadline = monotonic() + PATIENCE
    while not (found := (await claims.exchange(aconn, [], wanted(8))).found):
        assert monotonic() < deadline
        assert claims.plain(wanted(8).rooms)
    assert [(one.id, one.lost) for one in found] == [(lapsed, True)]


async def test_a_worker_that_only_exchanges_promotes_what_is_due(
    conn: Connection, aconn: Async
) -> None:
    """A scheduled job starts although no claim has room."""
    claims = Claims(["audio"], "pgqueue")
    assert await claims.claim(aconn, wanted(7), rung=False) == []
    conn.execute(SCHEDULE, (ENVELOPE,))
    claims.check()
    [found] = (await claims.exchange(aconn, [], wanted(8))).found
    assert found.queue == "audio"
    assert count(conn, "scheduled_jobs") == 0


def test_where_dead_letters_come_first_or_lapsed_ones_behind_them_a_claim_has_to_look() -> None:
    """An exchange would pass over them."""
    both = Claims(["audio", "audio.dead"], "pgqueue")
    alone = Claims(["audio"], "pgqueue")
    assert alone.plain({"audio": 1})
    assert not alone.plain({})
    assert not both.plain({"audio.dead": 1, "audio": 1})
    assert not both.plain({"audio": 1, "audio.dead": 1})  # its first sweep is due
