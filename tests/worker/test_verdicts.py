"""What a handler may decide for itself, and jobs whose handler does not run at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pgqueue import Abort, Job, Postgres, Processors, RetryAfter, Snooze, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running, soon

WAITING = """
select extract(epoch from run_at - now())::float8, attempt, failures from pgqueue.scheduled_jobs"""


async def test_a_snooze_spends_no_attempt_and_is_no_failure(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """The only attempt that the job has is there again after two snoozes."""
    attempts: list[int] = []

    @processors.process("audio", retries=0)
    async def run(job: Job[int]) -> None:
        attempts.append(job.attempt)
        if len(attempts) <= 2:
            raise Snooze(timedelta(milliseconds=50))

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert (attempts, census(conn)) == ([1, 1, 1], {})
    assert [one.levelname for one in caplog.records if one.name == "pgqueue.queue"] == []


async def test_a_snoozed_job_waits_in_its_row(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """It is scheduled, uncounted, and what it keeps is a count of its snoozes."""

    @processors.process("audio")
    async def run(payload: int) -> None:
        raise Snooze(timedelta(hours=1))

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"scheduled": 1})
    wait, attempt, failures = one(conn, WAITING)
    assert 3590 < wait <= 3600
    assert (attempt, [one["snoozes"] for one in failures]) == (0, [1])


async def test_retry_after_is_a_failure_with_the_handlers_own_delay(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """It counts, and its delay takes the place of the policy's."""

    @processors.process("audio")
    async def run(payload: int) -> None:
        raise RetryAfter(timedelta(hours=1), "busy there")

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"scheduled": 1})
    wait, attempt, failures = one(conn, WAITING)
    assert 3590 < wait <= 3600
    assert (attempt, failures[0]["error"]) == (1, "RetryAfter: busy there")


async def test_retry_after_does_not_outlive_the_attempts(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """The handler's delay is its own, the number of attempts is not."""

    @processors.process("audio", retries=1)
    async def run(payload: int) -> None:
        raise RetryAfter(timedelta())

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert one(conn, "select reason, attempt from pgqueue.dead_jobs") == ("exhausted", 2)


async def test_abort_is_death_whatever_is_left(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """The first attempt of five is the last."""

    @processors.process("audio")
    async def run(payload: int) -> None:
        raise Abort("no such file")

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    found = one(conn, "select reason, attempt, failures -> 0 ->> 'error' from pgqueue.dead_jobs")
    assert found == ("aborted", 1, "Abort: no such file")


async def test_a_name_that_nobody_knows_waits_for_a_worker_that_does(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """C21: it is scheduled, uncounted, with a warning; the next deployment may know it."""

    @processors.process("audio", name="known")
    async def run(payload: int) -> None:
        raise AssertionError("not for this processor")

    pg.push("audio", 1, on=conn, name="later")
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"scheduled": 1})
    wait, attempt, failures = one(conn, WAITING)
    assert 4 < wait <= 5
    assert (attempt, failures[0]["error"]) == (
        0, "no worker has a processor for audio, name later; it waits for one"
    )  # fmt: skip
    assert "job 1 (audio/later): no processor has this name; it waits" in caplog.text


async def test_a_job_that_nobody_knows_keeps_no_slot_from_the_others(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """With one slot, the jobs behind it run."""
    ran: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio", name="known")
    async def run(payload: int) -> None:
        ran.put_nowait(payload)

    pg.push("audio", 1, on=conn, name="later")
    pg.push("audio", 2, on=conn, name="known")
    async with running(Worker(pg, include=[processors], concurrency=1)):
        assert await soon(ran.get()) == 2


async def test_an_expired_job_is_dead_and_never_runs(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """Its time passed before a worker came: reason expired, no attempt counted."""

    @processors.process("audio")
    async def run(payload: int) -> None:
        raise AssertionError("it has expired")

    pg.push("audio", 1, on=conn, expires_in="1h")
    conn.execute("update pgqueue.jobs set expires_at = now() - interval '1 s'")
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    reason, attempt, error = one(
        conn, "select reason, attempt, failures -> 0 ->> 'error' from pgqueue.dead_jobs"
    )
    assert (reason, attempt) == ("expired", 0)
    assert "expires_at passed" in error


async def test_a_retried_job_is_one_job_all_its_life(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A retry moves the row: the same id, and no second copy to run."""
    ran: list[tuple[int, int]] = []

    @processors.process("audio")
    async def run(job: Job[int]) -> None:
        ran.append((job.id, job.attempt))
        if job.attempt < 3:
            raise ValueError

    ids = pg.push_many("audio", range(5), on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert sorted(ran) == [(job, attempt) for job in ids for attempt in (1, 2, 3)]
    assert census(conn) == {}


async def test_exceptions_are_retried_or_not_as_their_processor_says(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B26, A10: `retry_on` and `fail_on` make the first failure the last, with its reason."""
    ran: list[str] = []

    @processors.process("only", retry_on=ConnectionError, retries=1)
    async def only(payload: str) -> None:
        ran.append(payload)
        raise ConnectionResetError if payload == "passing" else KeyError(payload)

    @processors.process("never", fail_on=(KeyError,), retries=1)
    def never(payload: str) -> None:
        ran.append(payload)
        raise KeyError(payload)

    pg.push_many("only", ["passing", "lasting"], on=conn)
    pg.push("never", "fatal", on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 3})
    assert sorted(ran) == ["fatal", "lasting", "passing", "passing"]
    found = conn.execute(
        "select envelope ->> 'payload', reason, attempt from pgqueue.dead_jobs order by 1"
    )
    assert found.fetchall() == [
        ("fatal", "aborted", 1), ("lasting", "aborted", 1), ("passing", "exhausted", 2)
    ]  # fmt: skip


async def test_a_job_is_retried_until_its_time_and_not_longer(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """E12, P9: more often than attempts allow, until the database says that the time is over."""
    ran: list[int] = []
    enough = asyncio.Event()

    @processors.process("audio", retry_until="1h")
    async def run(job: Job[int]) -> None:
        ran.append(job.attempt)
        if len(ran) > 7:
            enough.set()
        raise ValueError

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await soon(enough.wait())
    for table in ("jobs", "scheduled_jobs"):
        conn.execute(f"update pgqueue.{table} set pushed_at = now() - interval '1 h'".encode())
    before = len(ran)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert ran == list(range(1, before + 2))
    assert one(conn, "select reason, attempt from pgqueue.dead_jobs") == ("exhausted", before + 1)


async def test_a_job_that_kills_its_workers_has_only_so_much_time_as_well(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """P7, A26: without a bound on attempts, a lapsed lease after its time is its end."""

    @processors.process("audio", retry_until="1h")
    async def run(payload: int) -> None:
        raise AssertionError("its time is over")

    pg.push("audio", 1, on=conn)
    conn.execute(
        "update pgqueue.jobs set pushed_at = now() - interval '2 h', lease = 5, attempt = 40,"
        " worker = 'gone', visible_at = now() - interval '1 s'"
    )
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert one(conn, "select reason, attempt from pgqueue.dead_jobs") == ("lost", 40)


async def test_snoozes_are_counted_in_one_place_and_not_for_ever(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """M10, M60: a row of them is one entry; after a thousand the next is a failure."""
    ran = 0

    @processors.process("audio", retries=0)
    async def run(payload: int) -> None:
        nonlocal ran
        ran += 1
        if ran == 30:
            conn.execute(NEARLY)
        raise Snooze(timedelta(milliseconds=1))

    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    reason, attempt, failures = one(conn, "select reason, attempt, failures from pgqueue.dead_jobs")
    assert (reason, attempt, ran) == ("exhausted", 1, 32)
    assert [(one["error"], one.get("snoozes")) for one in failures] == [
        ("snoozed by its handler", 1000), ("Snooze: snooze for 1ms", None)
    ]  # fmt: skip


NEARLY = "update pgqueue.jobs set failures = jsonb_set(failures, '{-1,snoozes}', '998')"
