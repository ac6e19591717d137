"""`job.transaction()`: the handler's writes and the job's completion commit together."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from pgqueue import Job, LeaseLost, Postgres, Processors, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


@pytest.fixture(autouse=True)
def ledger(conn: Connection) -> None:
    """Make a table of the application's own."""
    conn.execute("create table ledger (entry text)")


def entries(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select entry from ledger order by 1")]


async def test_the_handlers_writes_and_the_completion_commit_together(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """P5: inside the transaction neither is seen, after it both are."""
    written, go = asyncio.Event(), asyncio.Event()

    @processors.process("audio")
    async def write(job: Job[str]) -> None:
        async with job.transaction() as mine:
            assert isinstance(mine, psycopg.AsyncConnection)
            await mine.execute("insert into ledger values (%s)", [job.payload])
            written.set()
            await go.wait()

    pg.push("audio", "sold", on=conn)
    async with running(Worker(pg, include=[processors])):
        await soon(written.wait())
        assert (entries(conn), census(conn)) == ([], {"leased": 1})
        go.set()
        await drained(conn)
    assert (entries(conn), census(conn)) == (["sold"], {})


async def test_an_error_after_a_write_undoes_it_and_the_job_is_retried(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """P5: the failed attempt's writes are rolled back; the next one's stay."""

    @processors.process("audio")
    async def write(job: Job[str]) -> None:
        async with job.transaction() as mine:
            await mine.execute("insert into ledger values (%s)", [f"attempt {job.attempt}"])
            if job.attempt == 1:
                raise ValueError

    pg.push("audio", "sold", on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert (entries(conn), census(conn)) == (["attempt 2"], {})


async def test_a_lost_lease_rolls_the_writes_back(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """P4, P5: leased to another behind its back, the attempt gets LeaseLost and leaves nothing."""
    errors: asyncio.Queue[BaseException] = asyncio.Queue()

    @processors.process("audio")
    async def write(job: Job[str]) -> None:
        try:
            async with job.transaction() as mine:
                await mine.execute("insert into ledger values (%s)", [job.payload])
                await asyncio.to_thread(lease_to_another, conn)
        except BaseException as error:
            errors.put_nowait(error)
            raise

    pg.push("audio", "sold", on=conn)
    async with running(Worker(pg, include=[processors])):
        error = await soon(errors.get())
        await eventually(lambda: "LeaseLost: job 1 (audio), attempt 1" in caplog.text, True)
    assert isinstance(error, LeaseLost)
    assert "job 1: its lease was lost" in str(error)
    assert entries(conn) == []
    assert one(conn, "select lease, attempt from pgqueue.jobs") == (7, 2)


def lease_to_another(conn: Connection) -> None:
    conn.execute(
        "update pgqueue.jobs set lease = 7, worker = 'another', attempt = attempt + 1,"
        " visible_at = now() + interval '1 min'"
    )


async def test_a_second_transaction_of_one_attempt_is_refused(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """The first one has completed the job; the error says so."""
    errors: asyncio.Queue[str] = asyncio.Queue()

    @processors.process("audio")
    async def write(job: Job[str]) -> None:
        async with job.transaction() as mine:
            await mine.execute("insert into ledger values ('first')")
        try:
            async with job.transaction() as mine:
                await mine.execute("insert into ledger values ('second')")
        except RuntimeError as error:
            errors.put_nowait(str(error))

    pg.push("audio", "sold", on=conn)
    async with running(Worker(pg, include=[processors])):
        assert "job 1 was completed by its transaction before" in await soon(errors.get())
    assert (entries(conn), census(conn)) == (["first"], {})


async def test_an_error_after_the_commit_is_only_logged(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """The job is done and not retried; a warning names what was raised."""
    caplog.set_level("INFO", "pgqueue.queue")

    @processors.process("audio")
    async def write(job: Job[str]) -> None:
        async with job.transaction() as mine:
            await mine.execute("insert into ledger values (%s)", [job.payload])
        raise ValueError("too late")

    pg.push("audio", "sold", on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: "completed by its transaction" in caplog.text, True)
    assert (entries(conn), census(conn)) == (["sold"], {})
    records = [record for record in caplog.records if record.name == "pgqueue.queue"]
    assert {record.levelname for record in records} == {"INFO", "WARNING"}
    assert [getattr(record, "outcome", None) for record in records] == [None, "done"]


async def test_a_push_inside_the_transaction_commits_with_it(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """P5: a follow-up job is pushed by the attempt that succeeds, and by no other."""
    ran: list[str] = []

    @processors.process("audio")
    async def write(job: Job[str]) -> None:
        async with job.transaction() as mine:
            await pg.push("next", f"of attempt {job.attempt}", on=mine)
            if job.attempt == 1:
                raise ValueError

    @processors.process("next")
    async def follow(payload: str) -> None:
        ran.append(payload)

    pg.push("audio", "sold", on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert ran == ["of attempt 2"]


async def test_a_commit_that_the_database_refuses_completes_nothing(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """P5: a constraint that is checked at the commit fails the attempt, and only that."""
    conn.execute("alter table ledger add unique (entry) deferrable initially deferred")
    conn.execute("insert into ledger values ('sold')")

    @processors.process("audio", retries=0)
    async def write(job: Job[str]) -> None:
        async with job.transaction() as mine:
            await mine.execute("insert into ledger values (%s)", [job.payload])

    pg.push("audio", "sold", on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert entries(conn) == ["sold"]
    assert "UniqueViolation" in one(conn, "select failures -> 0 ->> 'error' from pgqueue.dead_jobs")
