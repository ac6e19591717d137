"""Jobs that were not started in time are found by whichever worker looks."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from pgqueue import Postgres, Processors, Worker
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, drained, eventually, one, running, soon

DEAD = """
select queue, reason, attempt, failures -> -1 ->> 'error' from pgqueue.dead_jobs order by queue"""
ERROR = "expired: expires_at passed before the attempt started"


def rows(conn: Connection) -> list[Any]:
    return conn.execute(DEAD).fetchall()


async def test_a_worker_of_other_queues_buries_what_has_expired(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """K08: within one sweep, although its only slot is taken, whether they waited or not."""
    started, release = asyncio.Event(), asyncio.Event()

    @processors.process("other")
    async def run(payload: str) -> None:
        started.set()
        await release.wait()

    pg.push("other", "slow", on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await soon(started.wait())
        pg.push("nobodys", 1, on=conn, expires_in="1ms", name="first")
        pg.push("delayed", 2, on=conn, expires_in="1ms", delay="1h")
        pg.push("in-time", 3, on=conn, expires_in="1h")
        expired = [("delayed", "expired", 0, ERROR), ("nobodys", "expired", 0, ERROR)]
        await eventually(lambda: rows(conn), expired)
        release.set()
        await eventually(lambda: one(conn, "select count(*) from pgqueue.jobs"), 1)
    [said] = [one for one in caplog.records if "(nobodys/first) is dead" in one.getMessage()]
    assert (said.levelname, said.__dict__["queue"]) == ("ERROR", "nobodys")


async def test_what_has_started_in_time_is_let_finish(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """K08: a leased job is at work, whatever its expires_at says."""
    started, release = asyncio.Event(), asyncio.Event()

    @processors.process("mail")
    async def run(payload: str) -> None:
        started.set()
        await release.wait()

    pg.push("mail", "slow", on=conn, expires_in="1h")
    async with running(Worker(pg, include=[processors])):
        await soon(started.wait())
        conn.execute("update pgqueue.jobs set expires_at = now() - interval '1 s'")
        # A later job of the same kind shows that a sweep has come by.
        pg.push("nobodys", 1, on=conn, expires_in="1ms")
        await eventually(lambda: [row[0] for row in rows(conn)], ["nobodys"])
        release.set()
        await drained(conn)
    assert [row[0] for row in rows(conn)] == ["nobodys"]


async def test_several_workers_sweep_at_once(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """K08, K04: rows that another one has locked are its business; each is buried once."""
    processors.process("other")(lambda payload: None)
    pg = Postgres(dsn, **QUICK)
    pg.push_many("nobodys", range(1500), on=conn, expires_in="1ms")
    async with (
        running(Worker(pg, include=[processors])),
        running(Worker(pg, include=[processors])),
    ):
        await eventually(lambda: one(conn, "select count(*) from pgqueue.dead_jobs"), 1500)
    assert one(conn, "select count(*) from pgqueue.jobs") == 0


@pytest.mark.parametrize(
    "settings",
    [{"dead_letters": "none"}, {"queues": {"mail": {"dead_letters": "none"}}}],
    ids=["for all", "for the queue"],
)
@pytest.mark.parametrize("expires", [False, True])
async def test_where_no_dead_letters_are_kept_a_dying_job_leaves_an_error(
    dsn: str,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    expires: bool,
) -> None:
    """C34, L9: with queue, job_id, attempt and cause; the row is gone, and the count stays 0."""

    @processors.process("other" if expires else "mail", attempts=2)
    async def fail(payload: str) -> None:
        raise LookupError("no such address")

    async with Postgres(dsn, **QUICK, **settings) as pg:
        job = pg.push("mail", "ada", on=conn, expires_in="1ms" if expires else None)
        async with running(Worker(pg, include=[processors])):
            await drained(conn)
        assert await pg.dead.count() == 0
    [said] = [one for one in caplog.records if one.levelno == logging.ERROR]
    fields = said.__dict__
    reason, attempt = ("expired", 0) if expires else ("exhausted", 2)
    assert (fields["queue"], fields["job_id"], fields["attempt"]) == ("mail", job, attempt)
    assert f"is dead after attempt {attempt}, {reason}, and not kept" in said.getMessage()
    assert expires or "LookupError: no such address" in said.getMessage()


async def test_other_queues_keep_theirs(dsn: str, processors: Processors, conn: Connection) -> None:
    """C34: a queue's own word counts before that for all."""
    settings: dict[str, Any] = {
        "dead_letters": "none",
        "queues": {"kept": {"dead_letters": "keep"}},
    }

    @processors.process("kept", attempts=1)
    async def fail(payload: int) -> None:
        raise ValueError

    async with Postgres(dsn, **QUICK, **settings) as pg:
        pg.push("kept", 1, on=conn)
        pg.push("kept", 2, on=conn, expires_in="1ms", delay="1h")
        pg.push("nobodys", 3, on=conn, expires_in="1ms")
        async with running(Worker(pg, include=[processors])):
            await drained(conn)
    reasons = conn.execute("select queue, reason from pgqueue.dead_jobs order by reason").fetchall()
    assert reasons == [("kept", "exhausted"), ("kept", "expired")]


async def test_a_sweep_that_the_database_refuses_ends_no_worker(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """K08: the jobs of other queues go on, and it is said what is wrong."""
    done = asyncio.Event()

    @processors.process("other")
    async def run(payload: str) -> None:
        done.set()

    conn.execute("""
        create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'nothing is buried here'; end $$""")
    conn.execute(
        "create trigger refuse before insert on pgqueue.dead_jobs execute function refuse()"
    )
    pg.push("nobodys", 1, on=conn, expires_in="1ms")
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: "nothing is buried here" in caplog.text, True)
        pg.push("other", "go", on=conn)
        await soon(done.wait())
        conn.execute("drop trigger refuse on pgqueue.dead_jobs")
        await eventually(lambda: len(rows(conn)), 1)


async def test_an_attempt_that_was_lost_is_among_the_failures_of_what_expires(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """K08, A26: no claim has seen the lapsed lease, and the letter tells of it all the same."""

    @processors.process("other")
    async def run(payload: str) -> None:
        """Do nothing."""

    pg.push("nobodys", 1, on=conn, expires_in="1h")
    conn.execute("update pgqueue.jobs set attempt = 1, lease = 7, worker = 'gone',"
                 " visible_at = now(), expires_at = now()")  # fmt: skip
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: rows(conn), [("nobodys", "expired", 1, ERROR)])
    lost = "select failures -> 0 ->> 'error', failures -> 0 ->> 'worker' from pgqueue.dead_jobs"
    assert one(conn, lost) == (
        "worker lost: its lease lapsed before the attempt ended",
        "gone",
    )
