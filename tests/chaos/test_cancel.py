"""Whatever is cancelled, and wherever it waits: nothing stays open, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from pgqueue import Postgres
from pgqueue.drivers.postgres.source import Source
from pgqueue.outcome import Dead, Done, Failure, Outcome, Release, Retry
from pgqueue.seam import Claim, Lease, Settlement
from tests.chaos.cancelling import at_every_await
from tests.drivers.store import places
from tests.worker.running import Connection, eventually, one, soon

BUSY = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name like 'pgqueue%' and state <> 'idle'"""
OPEN = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name like 'pgqueue%'"""
LEASES = """
select case when lease is null then attempt = 0
  else lease = %s and attempt = 1 and visible_at <= now() + interval '30 s' end
from pgqueue.jobs"""
WAIT = timedelta(seconds=30)
MOMENT = timedelta(milliseconds=20)
OUTCOMES = {
    Done(): [],
    Retry(WAIT, Failure("it failed")): ["scheduled_jobs"],
    Release(): ["jobs"],
    Release(WAIT): ["scheduled_jobs"],
    Dead("exhausted", Failure("it failed")): ["dead_jobs"],
}


@pytest.fixture
async def source(pg: Postgres) -> AsyncIterator[Source]:
    """The jobs' face of one worker."""
    async with pg.source(["audio"], "test") as source:
        yield source


def claim(token: int) -> Claim:
    return Claim(rooms={"audio": 1}, limit=1, token=token, lease=WAIT, worker="test")


async def works_on(source: Source, pg: Postgres, conn: Connection) -> None:
    """None of its connections has gone missing: as many as it has can be at work at once."""
    job = pg.push("audio", None, on=conn)
    claims = [source.claim(claim(token)) for token in (8001, 8002, 8003, 8004)]
    deliveries = [one for some in await soon(asyncio.gather(*claims)) for one in some]
    assert [one.id for one in deliveries] == [job]
    assert await soon(source.settle([Settlement(deliveries[0].lease, Done())])) == {job}
    await eventually(lambda: one(conn, BUSY), 0)


async def test_a_claim(source: Source, pg: Postgres, conn: Connection) -> None:
    """M37, M26, M21: the job is ready, or leased by the token of that claim, and not for longer."""
    pg.push("audio", None, on=conn)
    async for k, claimed in at_every_await(lambda k: source.claim(claim(k))):
        await eventually(lambda: one(conn, BUSY), 0)
        assert one(conn, LEASES, k) is True
        if claimed is not None:
            assert k > 2
            assert [delivery.token for delivery in claimed] == [k]
        conn.execute("delete from pgqueue.jobs")
        if claimed is None:
            pg.push("audio", None, on=conn)
    await works_on(source, pg, conn)


async def test_connecting_and_disconnecting(pg: Postgres, conn: Connection) -> None:
    """M37: whenever it is cancelled, no connection stays, neither used nor idle."""

    kept: list[Source] = []  # so that nobody collects what they have forgotten to close

    async def used(k: int) -> bool:
        kept.append(pg.source(["audio"], "test"))
        async with kept[-1] as source:
            await source.claim(claim(k))
            await source.wait(MOMENT)
        return True

    async for k, ended in at_every_await(used):
        await eventually(lambda: one(conn, OPEN), 0)
        assert not ended or k > 5


async def test_a_sleep_and_the_claim_that_ends_it(
    source: Source, pg: Postgres, conn: Connection
) -> None:
    """M37, M26, M33: the same while the bells are taken and left; it sleeps and wakes again."""

    async def woken(k: int) -> bool:
        await source.wait(MOMENT)
        await source.wait(MOMENT)
        pg.push("audio", None, on=conn)
        return bool(await source.claim(claim(k)))

    async for k, claimed in at_every_await(woken):
        await eventually(lambda: one(conn, BUSY), 0)
        assert one(conn, LEASES, k) in {True, None}
        assert claimed is None or k > 3
        conn.execute("delete from pgqueue.jobs")
    await works_on(source, pg, conn)


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_settlement(
    source: Source, pg: Postgres, conn: Connection, outcome: Outcome
) -> None:
    """M37, M26, P1: written or not, in one place; and a second try writes it for certain."""
    job = pg.push("audio", None, on=conn)

    async def settle(k: int) -> None:
        await source.settle([Settlement(Lease(job, k), outcome)])

    leased = "update pgqueue.jobs set lease = %s, attempt = 1, visible_at = now() + interval '30 s'"
    conn.execute(leased, [1])
    async for k, _ in at_every_await(settle):
        await eventually(lambda: one(conn, BUSY), 0)
        if one(conn, "select lease from pgqueue.jobs") == k:
            await settle(k)
        assert places(conn) == ({job: OUTCOMES[outcome]} if OUTCOMES[outcome] else {})
        for table in ("jobs", "scheduled_jobs", "dead_jobs"):
            conn.execute(f"delete from pgqueue.{table}")
        job = pg.push("audio", None, on=conn)
        conn.execute(leased, [k + 1])
    conn.execute("delete from pgqueue.jobs")
    await works_on(source, pg, conn)


async def test_a_push(pg: Postgres, conn: Connection) -> None:
    """M37, P1, P2: there is one job or none, and one if the push says so."""
    async for k, job in at_every_await(lambda _: pushed(pg)):
        await eventually(lambda: one(conn, BUSY), 0)
        found = [row[0] for row in conn.execute("select id from pgqueue.jobs")]
        assert len(found) <= 1
        assert job is None or (found == [job] and k > 2)
        conn.execute("delete from pgqueue.jobs")
    many = [pg.push("audio", None) for _ in range(30)]
    assert len(await soon(asyncio.gather(*many))) == 30


async def pushed(pg: Postgres) -> int:
    return await pg.push("audio", None)


async def test_a_transaction_of_a_handler(source: Source, pg: Postgres, conn: Connection) -> None:
    """M37, P5: its writes and the completion are there together, or neither is."""
    conn.execute("create table effects (attempt int)")
    leased = "update pgqueue.jobs set lease = %s, attempt = 1, visible_at = now() + interval '30 s'"
    job = pg.push("audio", None, on=conn)
    conn.execute(leased, [1])

    async def handled(k: int) -> bool:
        async with source.transaction(Lease(job, k)) as mine:
            await mine.execute("insert into effects values (%s)", [k])
            await asyncio.sleep(0)
        return True

    async for k, ended in at_every_await(handled):
        await eventually(lambda: one(conn, BUSY), 0)
        effects = [
            row[0] for row in conn.execute("select attempt from effects where attempt = %s", [k])
        ]
        left = one(conn, "select count(*) from pgqueue.jobs")
        assert (len(effects), left) in {(1, 0), (0, 1)}
        assert not ended or effects
        conn.execute("delete from pgqueue.jobs")
        job = pg.push("audio", None, on=conn)
        conn.execute(leased, [k + 1])
    conn.execute("delete from pgqueue.jobs")
    await works_on(source, pg, conn)
