"""Two schemas of one database, each with its jobs, its dead and its workers."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from typing import Any

import pgqueue_migrations
import psycopg
import pytest

from pgqueue import Job, Postgres, Processors, SchemaError, Worker
from tests.worker.conftest import QUICK
from tests.worker.running import eventually, one, running, soon

Connection = psycopg.Connection[Any]

SCHEMAS = ("pgqueue", "reports")
STATES = {
    schema: f"select coalesce(array_agg(state order by state), '{{}}') from {schema}.all_jobs"
    for schema in SCHEMAS
}
ASLEEP = """
select count(*) from pg_locks
where locktype = 'advisory' and classid = 7067 and objid = {}.bell('audio')::oid
  and database = (select oid from pg_database where datname = current_database())"""

QUIET = """
select max(state_change) < clock_timestamp() - interval '300 ms' from pg_stat_activity
where datname = current_database() and application_name like 'pgqueue:worker:%'"""


@pytest.fixture
def both(dsn: str, conn: Connection) -> Iterator[Connection]:
    """A database with schema reports beside pgqueue."""
    pgqueue_migrations.upgrade(dsn, schema="reports")
    yield conn
    for schema in SCHEMAS:
        assert conn.execute(f"select count(*) from {schema}.jobs".encode()).fetchone() == (0,)


def heard(results: list[str], where: str) -> Processors:
    processors = Processors()

    @processors.process("audio", attempts=2)
    async def run(job: Job[str]) -> None:
        if job.payload == "bad":
            raise ValueError(where)
        async with job.transaction():
            results.append(f"{where} {job.payload}")

    return processors


async def test_jobs_are_pushed_run_buried_and_redriven_in_their_own_schema(
    dsn: str, both: Connection
) -> None:
    """C05: the same queue in two schemas is two queues."""
    results: list[str] = []
    for schema in SCHEMAS:
        pg = Postgres(dsn, schema=schema, **QUICK)
        pg.push("audio", f"for {schema}", on=both)
        pg.push_many("audio", ["bad", "more"], on=both)
        pg.push("audio", "later", on=both, delay="100ms")
        async with pg:
            await pg.push_many("audio", ["last"], delay="1ms")
    for schema in SCHEMAS:
        others = [one(both, STATES[other]) for other in SCHEMAS if other != schema]
        async with running(
            Worker(Postgres(dsn, schema=schema, **QUICK), include=[heard(results, schema)])
        ):
            await eventually(functools.partial(one, both, STATES[schema]), ["dead"])
        assert [one(both, STATES[other]) for other in SCHEMAS if other != schema] == others
    assert sorted(results) == sorted(
        f"{schema} {what}"
        for schema in SCHEMAS
        for what in (f"for {schema}", "more", "later", "last")
    )
    dead = Postgres(dsn, schema="reports").dead
    [letter] = dead.list(on=both)
    found = dead.get(letter.id, on=both)
    assert found is not None
    assert [failure.error for failure in found.failures] == ["ValueError: reports"] * 2
    assert one(both, "select reports.redrive(id) from reports.dead_jobs") is True
    assert [one(both, STATES[schema]) for schema in SCHEMAS] == [["dead"], ["ready"]]
    both.execute("delete from reports.jobs")


@pytest.mark.usefixtures("listening")
async def test_the_doorbell_of_one_schema_wakes_nobody_of_another(
    dsn: str, direct_dsn: str, both: Connection
) -> None:
    """C05, B37: bells and channels are the schema's own."""
    results: list[str] = []
    pg = Postgres(dsn, schema="reports", **QUICK | {"poll_interval": "60s"})
    with psycopg.connect(direct_dsn, autocommit=True) as ear:
        ear.execute("listen pgqueue")
        async with running(Worker(pg, include=[heard(results, "reports")])):
            await eventually(lambda: one(both, ASLEEP.format("reports")), 1)
            assert one(both, ASLEEP.format("pgqueue")) == 0
            # Past the looks that it takes after falling asleep only the bell is left.
            await eventually(lambda: one(both, QUIET), True)
            assert one(both, "select pgqueue.ring('audio')") is False
            await asyncio.to_thread(pg.push, "audio", "song", on=both)
            await eventually(lambda: results, ["reports song"])
        assert list(ear.notifies(timeout=0)) == []


async def test_a_worker_names_the_schema_that_is_missing(dsn: str) -> None:
    """C25: it refuses to start."""
    worker = Worker(Postgres(dsn, schema="absent", **QUICK), include=[heard([], "absent")])
    with pytest.raises(SchemaError, match=r"absent.*run `pgqueue migrate`"):
        await soon(worker.run())
