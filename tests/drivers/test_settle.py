"""What becomes of settled rows, and that only the holder of the lease can settle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pgqueue import BackendError, Postgres
from pgqueue.drivers.postgres.settle import settle
from pgqueue.outcome import Dead, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Delivery, Lease, Settlement
from tests.drivers.store import Connection, claim, count, insert, lapse, places, promote

FAILURE = Failure("ValueError: no", "Traceback …")
OUTCOMES: list[Outcome] = [
    Done(),
    Retry(timedelta(seconds=1), FAILURE),
    Release(),
    Release(timedelta(seconds=5)),
    Dead("exhausted", FAILURE),
]
Async = psycopg.AsyncConnection[Any]


def held(conn: Connection, token: int = 7) -> Delivery:
    """Push and claim one job."""
    insert(conn, "audio")
    return claim(conn, {"audio": 1}, token=token)[0]


def fingerprint(conn: Connection) -> list[Any]:
    """Return everything that is stored about jobs."""
    tables = ("jobs", "scheduled_jobs", "dead_jobs")
    return [conn.execute(f"select * from pgqueue.{one}").fetchall() for one in tables]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
async def test_a_worker_that_lost_its_lease_settles_nothing(
    conn: Connection, aconn: Async, outcome: Outcome
) -> None:
    """K06: after another worker's claim the first one's outcome changes nothing, and it is told."""
    stale = held(conn, token=1)
    lapse(conn, stale.id)
    claim(conn, {"audio": 1}, token=2)
    before = fingerprint(conn)
    assert await settle(aconn, [Settlement(stale.lease, outcome)]) == set()
    assert fingerprint(conn) == before


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
async def test_the_attempt_number_is_not_the_fence(
    conn: Connection, aconn: Async, outcome: Outcome
) -> None:
    """K06: a redriven job is at attempt 1 again; the old attempt 1 still cannot settle it."""
    stale = held(conn, token=1)
    await settle(aconn, [Settlement(stale.lease, Dead("aborted", FAILURE))])
    conn.execute("select pgqueue.redrive(%s)", (stale.id,))
    [again] = claim(conn, {"audio": 1}, token=2)
    assert (again.id, again.attempt) == (stale.id, stale.attempt)
    before = fingerprint(conn)
    assert await settle(aconn, [Settlement(stale.lease, outcome)]) == set()
    assert fingerprint(conn) == before


async def test_a_completed_job_is_gone(conn: Connection, aconn: Async) -> None:
    delivery = held(conn)
    assert await settle(aconn, [Settlement(delivery.lease, Done())]) == {delivery.id}
    assert places(conn) == {}


async def test_a_retry_waits_in_its_row_with_its_failure(conn: Connection, aconn: Async) -> None:
    """A09: the row holds the wait, and the failure that caused it."""
    delivery = held(conn)
    await settle(aconn, [Settlement(delivery.lease, Retry(timedelta(hours=1), FAILURE))])
    row = conn.execute(
        "select id, attempt, run_at - now() > interval '59 min', failures -> 0 ->> 'error',"
        " failures -> 0 ->> 'attempt', failures -> 0 ->> 'worker' from pgqueue.scheduled_jobs"
    ).fetchone()
    assert row == (delivery.id, 1, True, "ValueError: no", "1", "test")
    assert promote(conn)[0] == 0


async def test_a_due_job_is_promoted_with_everything_it_had(conn: Connection, aconn: Async) -> None:
    delivery = held(conn)
    await settle(aconn, [Settlement(delivery.lease, Retry(timedelta(), FAILURE))])
    moved, next_in = promote(conn)
    assert (moved, next_in) == (1, None)
    [again] = claim(conn, {"audio": 1})
    assert (again.id, again.attempt, again.envelope) == (delivery.id, 2, delivery.envelope)
    assert again.pushed_at == delivery.pushed_at


async def test_a_released_job_is_claimable_at_once_and_uncounted(
    conn: Connection, aconn: Async
) -> None:
    delivery = held(conn)
    await settle(aconn, [Settlement(delivery.lease, Release())])
    [again] = claim(conn, {"audio": 1})
    assert (again.id, again.attempt, again.lost) == (delivery.id, 1, False)


async def test_a_snoozed_job_waits_uncounted(conn: Connection, aconn: Async) -> None:
    delivery = held(conn)
    await settle(aconn, [Settlement(delivery.lease, Release(timedelta(minutes=5)))])
    row = conn.execute(
        "select id, attempt, jsonb_path_query_array(failures, '$[*].snoozes')"
        " from pgqueue.scheduled_jobs"
    ).fetchone()
    assert row == (delivery.id, 0, [1])


async def test_a_buried_job_keeps_its_id_envelope_and_failures(
    conn: Connection, aconn: Async
) -> None:
    """C33: the dead row has what an operator asks for in SQL."""
    delivery = held(conn)
    await settle(aconn, [Settlement(delivery.lease, Dead("exhausted", FAILURE))])
    row = conn.execute(
        "select id, queue, name, reason, attempt, envelope -> 'payload' ->> 'n',"
        " failures -> -1 ->> 'error', failures -> -1 ->> 'traceback', pushed_at <= died_at"
        " from pgqueue.dead_jobs where queue = 'audio'"
    ).fetchone()
    assert row == (
        delivery.id, "audio", None, "exhausted", 1, "1", "ValueError: no", "Traceback …", True,
    )  # fmt: skip


async def test_a_job_that_cannot_be_buried_stays_where_it_is(
    conn: Connection, aconn: Async
) -> None:
    """C35: one statement moves it; when the dead letter is refused the job is not lost."""
    delivery = held(conn)
    conn.execute("alter table pgqueue.dead_jobs add constraint no_room check (false) not valid")
    with pytest.raises(psycopg.errors.CheckViolation):
        await settle(aconn, [Settlement(delivery.lease, Dead("exhausted", FAILURE))])
    assert places(conn) == {delivery.id: ["jobs"]}


async def test_what_was_written_before_an_outcome_that_is_refused_is_not_called_lost(
    dsn: str, conn: Connection
) -> None:
    """M20, C35: asked to write it again, the driver knows that its own first time did."""
    done, buried = held(conn), held(conn)
    conn.execute("alter table pgqueue.dead_jobs add constraint no_room check (false) not valid")
    first, second = (
        Settlement(done.lease, Done()),
        Settlement(buried.lease, Dead("aborted", FAILURE)),
    )
    async with Postgres(dsn).source(["audio"], "test") as source:
        with pytest.raises(BackendError, match="CheckViolation"):
            await source.settle([first, second])
        assert set(await source.settle([first])) == {done.id}
    assert places(conn) == {buried.id: ["jobs"]}


async def test_only_the_last_twenty_failures_are_kept(conn: Connection, aconn: Async) -> None:
    delivery = held(conn)
    for number in range(25):
        retry = Retry(timedelta(), Failure(f"failure {number}"))
        await settle(aconn, [Settlement(delivery.lease, retry)])
        promote(conn)
        [delivery] = claim(conn, {"audio": 1})
    [(first, last, kept)] = conn.execute(
        "select failures -> 0 ->> 'error', failures -> -1 ->> 'error',"
        " jsonb_array_length(failures) from pgqueue.jobs"
    ).fetchall()
    assert (first, last, kept) == ("failure 5", "failure 24", 20)


async def test_outcomes_of_all_kinds_are_settled_together(conn: Connection, aconn: Async) -> None:
    insert(conn, "audio", len(OUTCOMES))
    deliveries = claim(conn, {"audio": 10})
    pairs = zip(deliveries, OUTCOMES, strict=True)
    batch = [Settlement(delivery.lease, outcome) for delivery, outcome in pairs]
    written = await settle(aconn, [*batch, Settlement(Lease(99999, 7), Done())])
    assert written == {one.id for one in deliveries}
    assert [count(conn, table) for table in ("jobs", "scheduled_jobs", "dead_jobs")] == [1, 2, 1]


async def test_what_no_text_column_can_hold_is_made_storable(
    conn: Connection, aconn: Async
) -> None:
    """M52, M53: the outcome lands, whatever the handler's error says."""
    delivery = held(conn)
    failure = Failure.of(ValueError("NUL \x00, half a pair \ud800, " + "é" * 100_000))
    await settle(aconn, [Settlement(delivery.lease, Dead("exhausted", failure))])
    [(error,)] = conn.execute("select failures -> 0 ->> 'error' from pgqueue.dead_jobs").fetchall()
    assert "NUL \ufffd, half a pair \\ud800" in error
    assert len(error) < 17_000


def test_redrive_gives_a_fresh_budget_and_keeps_the_history(conn: Connection) -> None:
    conn.execute(
        "insert into pgqueue.dead_jobs (id, queue, reason, attempt, envelope, failures, pushed_at)"
        " values (5, 'audio', 'exhausted', 3, '{\"v\": 1, \"payload\": 1}', '[{\"error\": \"x\"}]',"
        " now())"
    )
    assert conn.execute("select pgqueue.redrive(5), pgqueue.redrive(6)").fetchone() == (True, False)
    assert places(conn) == {5: ["jobs"]}
    row = conn.execute("select attempt, failures -> 0 ->> 'error' from pgqueue.jobs").fetchone()
    assert row == (0, "x")


async def test_outcomes_that_come_in_any_order_are_each_written_to_their_own_job(
    conn: Connection, aconn: Async
) -> None:
    """K06: the statements look ids up by bisection, and a worker's attempts end as they like."""
    ids = insert(conn, "audio", 30)
    held = {one.id: one.lease for token in ids for one in claim(conn, {"audio": 1}, token=token)}
    retried = {id: timedelta(hours=1 + n) for n, id in enumerate(ids[::2])}
    outcomes: dict[int, Outcome] = {
        id: Retry(retried[id], Failure(f"ValueError: {id}", "")) if id in retried else Done()
        for id in reversed(ids)
    }
    settlements = [Settlement(held[id], outcome) for id, outcome in outcomes.items()]
    assert await settle(aconn, settlements) == set(ids)
    waiting = conn.execute(
        "select id, failures -> 0 ->> 'error' from pgqueue.scheduled_jobs order by run_at"
    )
    assert waiting.fetchall() == [(id, f"ValueError: {id}") for id in retried]


async def test_leases_are_extended_in_whatever_order_they_are_named(
    conn: Connection, dsn: str
) -> None:
    ids = insert(conn, "audio", 30)
    leases = [one.lease for token in ids for one in claim(conn, {"audio": 1}, token=token)]
    async with Postgres(dsn).source(["audio"], "test") as source:
        with source.extender() as extend:
            held = extend(leases[::-1], timedelta(hours=1))
    assert held == dict.fromkeys(ids, True)
