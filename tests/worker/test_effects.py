"""`transactional=True`: what a handler writes on its connection, and its job, are one commit."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import psycopg
import pytest

from pgqueue import Job, LeaseLost, Postgres, Processors, Worker, current_job
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


@pytest.fixture(autouse=True)
def ledger(conn: Connection) -> None:
    """Make a table of the application's own."""
    conn.execute("create table ledger (entry text)")


def entries(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select entry from ledger order by 1")]


async def on_the_loop(job: Job[Any]) -> None:
    async with job.connection() as mine:
        await mine.execute("insert into ledger values (%s)", [f"attempt {job.attempt}"])
        if job.payload and job.attempt == 1:
            raise ValueError


def on_a_thread(job: Job[Any]) -> None:
    with job.connection() as mine:
        mine.execute("insert into ledger values (%s)", [f"attempt {job.attempt}"])
        if job.payload and job.attempt == 1:
            raise ValueError


@pytest.mark.parametrize("handler", [on_the_loop, on_a_thread])
@pytest.mark.parametrize("failing", [True, False])
async def test_writes_are_undone_when_it_raises_and_committed_when_it_returns(
    pg: Postgres, processors: Processors, conn: Connection, handler: Any, failing: bool
) -> None:
    """B35: what a failed attempt wrote is gone; what a good one wrote came with its completion."""
    processors.process("audio", transactional=True)(handler)
    pg.push("audio", failing, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert entries(conn) == [f"attempt {1 + failing}"]


@pytest.mark.parametrize("handler", [on_the_loop, on_a_thread])
async def test_otherwise_a_connection_commits_every_statement(
    pg: Postgres, processors: Processors, conn: Connection, handler: Any
) -> None:
    """A27, B35: without the word `transactional`, the write of a failed attempt stays."""
    processors.process("audio")(handler)
    pg.push("audio", True, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert entries(conn) == ["attempt 1", "attempt 2"]


async def test_neither_effect_nor_completion_is_seen_before_the_commit(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B35: a thread's writes, too, are invisible while its handler runs."""
    written, go = threading.Event(), threading.Event()

    @processors.process("audio", transactional=True)
    def write(job: Job[None]) -> None:
        on_a_thread(job)
        written.set()
        go.wait(10)

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await asyncio.to_thread(written.wait, 10)
        assert (entries(conn), census(conn)) == ([], {"leased": 1})
        go.set()
        await drained(conn)
    assert entries(conn) == ["attempt 1"]


@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_a_follow_up_job_is_pushed_by_the_attempt_that_succeeds_alone(
    pg: Postgres, processors: Processors, conn: Connection, colour: str
) -> None:
    """B35: it commits with the job that pushed it, or not at all."""
    ran: list[str] = []

    async def on_the_loop(job: Job[None]) -> None:
        async with job.connection() as mine:
            await pg.push("next", f"of attempt {job.attempt}", on=mine)
        assert job.attempt == 2

    def on_a_thread(job: Job[None]) -> None:
        with job.connection() as mine:
            pg.push("next", f"of attempt {job.attempt}", on=mine)
        assert job.attempt == 2

    handler: Any = on_a_thread if colour == "def" else on_the_loop
    processors.process("audio", transactional=True)(handler)

    @processors.process("next")
    async def follow(payload: str) -> None:
        ran.append(payload)

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert ran == ["of attempt 2"]


async def test_a_thread_that_outlives_its_timeout_writes_nothing(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B35: the job is dead already when the thread wants to commit: it gets LeaseLost."""
    go, errors = threading.Event(), asyncio.Queue[BaseException]()
    loop = asyncio.get_running_loop()

    @processors.process("audio", timeout="100ms", retries=0)
    def write(job: Job[None]) -> None:
        try:
            with job.transaction() as mine:
                mine.execute("insert into ledger values ('late')")
                go.wait(10)
        except BaseException as error:
            loop.call_soon_threadsafe(errors.put_nowait, error)
            raise

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
        go.set()
        assert isinstance(await soon(errors.get()), LeaseLost)
    assert (entries(conn), census(conn)) == ([], {"dead": 1})


@pytest.mark.parametrize("transactional", [True, False])
async def test_a_rollback_that_the_handler_wants_leaves_the_job_to_its_end(
    pg: Postgres, processors: Processors, conn: Connection, transactional: bool
) -> None:
    """B35: psycopg's Rollback undoes the writes quietly; the job completes by what comes after."""

    @processors.process("audio", transactional=transactional)
    async def write(job: Job[None]) -> None:
        if transactional:
            await on_the_loop(job)
            raise psycopg.Rollback
        async with job.transaction() as mine:
            await mine.execute("insert into ledger values ('undone')")
            raise psycopg.Rollback

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert (entries(conn), census(conn)) == ([], {})


async def test_a_transaction_inside_the_transaction_is_refused(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B35: a second one would complete the job, and leave the first one's writes behind."""

    @processors.process("audio", transactional=True, retries=0)
    async def write(job: Job[None]) -> None:
        await on_the_loop(job)
        async with job.transaction():
            raise AssertionError("it was opened")

    pg.push("audio", None, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    error = one(conn, "select failures -> 0 ->> 'error' from pgqueue.dead_jobs")
    assert error.startswith("RuntimeError: job 1 is in its transaction already; job.connection()")
    assert entries(conn) == []


async def test_deeper_code_writes_with_the_job_without_being_handed_it(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A27, B35: `current_job().connection()` is the transaction's, on the loop and on a thread."""

    async def deep() -> None:
        async with current_job().connection() as mine:
            await mine.execute("insert into ledger values ('deep')")

    def deep_in_a_thread() -> None:
        with current_job().connection() as mine:
            mine.execute("insert into ledger values ('deep')")

    @processors.process("loop", transactional=True, retries=0)
    async def on_the_loop(fails: bool) -> None:
        await deep()
        assert not fails

    @processors.process("thread", transactional=True, retries=0)
    def on_a_thread(fails: bool) -> None:
        deep_in_a_thread()
        assert not fails

    for queue in ("loop", "thread"):
        pg.push_many(queue, [True, False], on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 2})
    assert entries(conn) == ["deep", "deep"]
