"""Wake-ups get lost, or come from strangers: latency suffers at most, and jobs never do."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from time import monotonic

import psycopg
import pytest

from pgqueue import Job, Postgres, Processors, Worker, fixed
from pgqueue.devserver import DevServer
from pgqueue.drivers.postgres import lanes
from pgqueue.drivers.postgres.source import Source
from pgqueue.seam import Claim, Delivery
from tests.worker.running import (
    SLEEPING,
    Connection,
    census,
    drained,
    eventually,
    one,
    running,
)

SETTINGS = {"lease": "60s", "connect_timeout": "10s", "shutdown_timeout": "5s"}
# Who relies on the poll here does not end in time.
NEVER = "10m"
LISTENERS = """
from pg_locks where locktype = 'advisory' and classid = 7067 and granted
  and pid <> pg_backend_pid()
  and database = (select oid from pg_database where datname = current_database())"""
END_LISTENERS = f"""
select pg_terminate_backend(pid) from (select distinct pid {LISTENERS}) listening"""
WORKERS = 10
GAPS = [0.0, 1.0] * 5
HERD = 16


class Herd:
    """Workers in this process, each with a driver of its own, and the jobs that they started."""

    def __init__(self, dsn: str, queues: Sequence[str], **settings: str) -> None:
        self._dsn = dsn
        self._queues = queues
        self._settings = SETTINGS | settings
        self.started: dict[int, float] = {}

    async def start(self, stack: AsyncExitStack) -> None:
        """Start one worker for each queue."""
        for queue in self._queues:
            processors = Processors()

            @processors.process(queue, backoff=fixed("10ms"))
            async def run(job: Job[int]) -> None:
                assert job.id not in self.started
                self.started[job.id] = monotonic()

            pg = await stack.enter_async_context(Postgres(self._dsn, **self._settings))
            await stack.enter_async_context(running(Worker(pg, include=[processors])))

    async def starts(self, *jobs: int) -> None:
        """Wait until these have started."""
        await eventually(lambda: set(jobs) <= self.started.keys(), True)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What ends with the test."""
    async with AsyncExitStack() as entered:
        yield entered


async def test_a_hundred_lost_listeners_with_a_push_in_each_gap(
    dsn: str, conn: Connection, stack: AsyncExitStack
) -> None:
    """M27, K12, P8: nobody polls, and every job starts: whoever listens again looks once."""
    pg = Postgres(dsn)
    herd = Herd(dsn, [f"queue{number}" for number in range(WORKERS)], poll_interval=NEVER)
    await herd.start(stack)
    late = []
    for gap in GAPS:
        await eventually(lambda: one(conn, SLEEPING), WORKERS)
        assert len(conn.execute(END_LISTENERS.encode()).fetchall()) == WORKERS
        # Before anybody noticed, while they only poll, or when some of them listen again.
        await asyncio.sleep(random.uniform(0, gap))
        pushed = {pg.push(f"queue{n}", 0, on=conn): monotonic() for n in range(WORKERS)}
        await herd.starts(*pushed)
        late += [herd.started[job] - at for job, at in pushed.items()]
    await drained(conn)
    print(f"median {sorted(late)[len(late) // 2]:.3f} s, worst {max(late):.3f} s")


async def test_a_listener_that_stands_still_costs_a_poll(
    primary: DevServer, own: Connection, stack: AsyncExitStack
) -> None:
    """M43, P8: the server's process sends nothing of what was notified; the poll finds it."""
    herd = Herd(primary.dsn, ["audio"], poll_interval="500ms")
    await herd.start(stack)
    await eventually(lambda: one(own, SLEEPING), 1)
    frozen = one(own, f"select distinct pid {LISTENERS}")
    os.kill(frozen, signal.SIGSTOP)
    try:
        job = Postgres(primary.dsn).push("audio", 1, on=own)
        await herd.starts(job)
    finally:
        os.kill(frozen, signal.SIGCONT)
    await drained(own)


async def test_pushes_that_ring_nobody_are_found_by_the_poll(
    dsn: str, conn: Connection, stack: AsyncExitStack
) -> None:
    """M43, C07: all of them, however many notifications are lost."""
    herd = Herd(dsn, ["audio"], poll_interval="200ms")
    await herd.start(stack)
    await eventually(lambda: one(conn, SLEEPING), 1)
    pg = Postgres(dsn)
    jobs = {pg.push("audio", number, on=conn, notify=False) for number in range(20)}
    await herd.starts(*jobs)
    await drained(conn)


async def test_one_job_costs_a_herd_of_sleepers_one_look_each(
    dsn: str, conn: Connection, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M44: of sixteen workers that hear of it one gets it; what the others do is bounded."""
    claim, looks = Source.claim, 0
    # On a slow machine a look from the start would be dear, and so be made once more when due.
    monkeypatch.setattr(lanes, "_CHEAP", 600.0)

    async def counted(self: Source, wanted: Claim) -> Sequence[Delivery]:
        nonlocal looks
        looks += 1
        return await claim(self, wanted)

    herd = Herd(dsn, ["audio"] * HERD, poll_interval=NEVER)
    await herd.start(stack)
    await eventually(lambda: one(conn, SLEEPING), HERD)
    await quiet(conn)
    monkeypatch.setattr(Source, "claim", counted)
    job = Postgres(dsn).push("audio", 1, on=conn)
    await herd.starts(job)
    await eventually(lambda: one(conn, SLEEPING), HERD)
    await quiet(conn)
    print(f"{looks} claims")
    # The winner looks again until it sleeps.
    assert looks <= 2 * HERD


async def quiet(conn: Connection) -> None:
    """Wait until no worker has said anything to the server for a second."""
    said = """
    select coalesce(min(now() - state_change) > interval '1 second', true) from pg_stat_activity
    where datname = current_database() and application_name like 'pgqueue:worker:%'"""
    await eventually(lambda: one(conn, said), True)


async def test_strangers_shout_on_our_channel(
    dsn: str, conn: Connection, stack: AsyncExitStack
) -> None:
    """M39, P8: whoever may connect may notify: nothing but looking once more comes of it."""
    herd = Herd(dsn, ["audio"], poll_interval=NEVER)
    await herd.start(stack)
    await eventually(lambda: one(conn, SLEEPING), 1)
    for word in ("x" * 7999, "", "audio ", "'; drop table pgqueue.jobs; --", "\u2603", "{}"):
        conn.execute("select pg_notify('pgqueue', %s)", [word])
    conn.execute("select pg_notify('pgqueue', 'audio' || n) from generate_series(1, 5000) n")
    conn.execute("select pg_notify('pgqueue', 'audio') from generate_series(1, 5000)")
    job = Postgres(dsn).push("audio", 1, on=conn)
    await herd.starts(job)
    await drained(conn)


async def test_the_longest_name_rings_and_a_longer_one_is_refused(
    dsn: str, conn: Connection, stack: AsyncExitStack
) -> None:
    """M39: a notification carries a queue's name and nothing else, so it is never too long."""
    name = "q" * 48
    herd = Herd(dsn, [name], poll_interval=NEVER)
    await herd.start(stack)
    await eventually(lambda: one(conn, SLEEPING), 1)
    with pytest.raises(psycopg.Error, match="48"):
        conn.execute("select pgqueue.push(%s, '1')", ["q" * 49])
    job = Postgres(dsn).push(name, 1, on=conn)
    await herd.starts(job)


async def test_a_stranger_that_listens_in_a_transaction_holds_up_nobody_of_ours(
    dsn: str, conn: Connection, stack: AsyncExitStack
) -> None:
    """M40: pushes commit and jobs run; our own sessions are never in a transaction while idle."""
    herd = Herd(dsn, ["audio"], poll_interval=NEVER)
    await herd.start(stack)
    idle = """
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name like 'pgqueue:%'
      and (state like 'idle in%' or (state = 'idle' and backend_xmin is not null))"""
    with psycopg.connect(dsn, autocommit=True) as stranger:
        stranger.execute("listen pgqueue")
        stranger.execute("begin")
        stranger.execute("select 1")
        for number in range(50):
            await eventually(lambda: one(conn, SLEEPING), 1)
            job = Postgres(dsn).push("audio", number, on=conn)
            await herd.starts(job)
            assert one(conn, idle) == 0
    await drained(conn)


@pytest.mark.parametrize("primary", [{"max_prepared_transactions": "5"}], indirect=True)
async def test_a_push_in_a_two_phase_commit_rings_nobody(
    primary: DevServer, stack: AsyncExitStack
) -> None:
    """M45, P2: with notify=False it can be prepared; committed it is found by the poll."""
    herd = Herd(primary.dsn, ["audio"], poll_interval="200ms")
    await herd.start(stack)
    pg = Postgres(primary.dsn)
    with psycopg.connect(primary.dsn, autocommit=True) as conn:
        await eventually(lambda: one(conn, SLEEPING), 1)
        conn.execute("begin")
        pg.push("audio", 1, on=conn)
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="NOTIFY"):
            conn.execute("prepare transaction 'rings'")
        conn.execute("rollback")
        conn.execute("begin")
        job = pg.push("audio", 2, on=conn, notify=False)
        conn.execute("prepare transaction 'quiet'")
        assert census(conn) == {}
        conn.execute("commit prepared 'quiet'")
        await eventually(lambda: list(herd.started), [job])
        await drained(conn)
