"""Another server takes over: workers follow it, and what is lost is what had not been copied."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgqueue import Postgres
from pgqueue.devserver import DevServer
from tests.chaos.apps.ordinary import GATED, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.load import LONG, load, ran_once, settled
from tests.chaos.servers import Servers, either, promote, stop_following
from tests.chaos.workers import Workers
from tests.worker.running import SLEEPING, Connection, eventually, one

JOBS = [0, 1, 2]
# Not the one that extends leases, as long as none needs it, nor the one that hears.
POOLED = """
select count(*) from pg_stat_activity
where application_name like 'pgqueue:worker:%' and query like '%pgqueue.jobs%'"""
SYNCHRONOUS = {"synchronous_standby_names": "*"}


@contextmanager
def on(server: DevServer) -> Iterator[Connection]:
    """An autocommit connection to one server."""
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def standby(servers: Servers, primary: DevServer) -> Iterator[DevServer]:
    """A standby of the primary."""
    with servers.standby(primary) as server:
        yield server


@pytest.mark.parametrize("primary", [SYNCHRONOUS], indirect=True)
async def test_a_worker_goes_on_where_the_standby_was_promoted(
    primary: DevServer, standby: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M23, K12, P1, P8: under load, with a standby that has every commit: each job runs once."""
    dsn = either(primary, standby, target_session_attrs="read-write")
    worker = await crew.serving(dsn=dsn, **LONG)
    async with load(dsn, QUICK) as pushing:
        await pushing.more(ledger, 50)
        await asyncio.to_thread(primary.crash)
        await asyncio.to_thread(promote, standby)
        await pushing.more(ledger, 50)
    await settled(standby.dsn)
    with on(standby) as conn:
        await eventually(lambda: one(conn, SLEEPING), 1)
    assert await worker.stopped() == 0
    ran_once(ledger, pushing.committed)


async def test_a_failover_shows_in_the_workers_health(
    primary: DevServer, standby: DevServer, crew: Workers
) -> None:
    """M19, M23: unready while nobody takes writes, ready again on the new primary."""
    options = ("--health", "127.0.0.1:0")
    settings = {"PGQUEUE_CONNECT_TIMEOUT": "2s"}
    worker = await crew.serving(*options, dsn=either(primary, standby), **settings)
    await worker.prints("health: http://")
    found = re.search(r"health: http://(\S+)/healthz", worker.printed)
    assert found

    def answers(path: str) -> int:
        probe = HTTPConnection(found[1], timeout=30)
        with closing(probe):
            probe.request("GET", path)
            return probe.getresponse().status

    await eventually(lambda: answers("/readyz"), 200)
    primary.crash()
    await eventually(lambda: answers("/readyz"), 503)
    assert answers("/healthz") == 200
    promote(standby)
    await eventually(lambda: answers("/readyz"), 200)
    assert await worker.stopped() == 0


@pytest.mark.parametrize("primary", [SYNCHRONOUS], indirect=True)
async def test_handlers_that_run_through_a_failover_are_settled_on_the_new_primary(
    primary: DevServer, standby: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M23, K12, P8: their leases came over with the rows, and still hold."""
    with on(primary) as conn:
        Postgres(primary.dsn).push_many(GATED, JOBS, on=conn)
    worker = await crew.serving(dsn=either(primary, standby), **LONG)
    await ledger.until("start", 3)
    primary.crash()
    promote(standby)
    ledger.open()
    await settled(standby.dsn)
    assert ledger.attempts() == {1: [1], 2: [1], 3: [1]}
    assert await worker.stopped() == 0


@pytest.mark.parametrize("primary", [SYNCHRONOUS], indirect=True)
async def test_a_server_that_became_read_only_keeps_none_of_the_pools_connections(
    primary: DevServer, standby: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M23, P8: 25006 on connections that still work: all of them are dropped and made anew."""
    with on(primary) as conn:
        Postgres(primary.dsn).push_many(GATED, JOBS, on=conn)
    worker = await crew.serving(dsn=either(primary, standby), **LONG)
    await ledger.until("start", 3)
    promote(standby)
    with on(primary) as old, on(standby) as new:
        old.execute("alter system set synchronous_standby_names = ''")
        old.execute("alter system set default_transaction_read_only = on")
        old.execute("select pg_reload_conf()")
        assert one(old, POOLED)
        ledger.open()
        Postgres(standby.dsn).push(QUICK, 0, on=new)
        await settled(standby.dsn)
        await eventually(lambda: one(old, POOLED), 0)
    assert list(ledger.attempts().values()) == [[1]] * 4
    assert await worker.stopped() == 0


async def test_what_a_standby_had_not_received_is_lost_and_its_leases_match_nothing(
    primary: DevServer, standby: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M24, P1, P4: three claimed jobs run again, since their claim is lost; three pushes are gone.

    On the old primary's timeline and on the new one the attempt has the same number: only the
    random lease tells them apart.
    """
    with on(primary) as conn:
        Postgres(primary.dsn).push_many(GATED, JOBS, on=conn)
        position = one(conn, "select pg_current_wal_lsn()::text")
    with on(standby) as copy:
        behind = "select pg_last_wal_replay_lsn() < %s::pg_lsn"
        await eventually(lambda: one(copy, behind, position), False)
    stop_following(standby)
    worker = await crew.serving(dsn=either(primary, standby), **LONG)
    await ledger.until("start", 3)
    with on(primary) as conn:
        lost = Postgres(primary.dsn).push_many(QUICK, JOBS, on=conn)
    await ledger.until("end", 3)
    primary.crash()
    promote(standby)
    await ledger.until("start", 9)
    ledger.open()
    await settled(standby.dsn)
    await worker.prints("LeaseLost: job 3 (gated), attempt 1")
    assert ledger.attempts() == {job: [1, 1] for job in (1, 2, 3)} | {job: [1] for job in lost}
    with on(standby) as conn:
        assert one(conn, "select count(*) from pgqueue.dead_jobs") == 0
    assert await worker.stopped() == 0


async def test_a_server_in_recovery_is_waited_for_at_the_start(
    primary: DevServer, standby: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M23, B17, P8: the worker serves as soon as the standby is promoted, with no restart."""
    with on(primary) as conn:
        Postgres(primary.dsn).push(QUICK, 0, on=conn)
        position = one(conn, "select pg_current_wal_lsn()::text")
    with on(standby) as copy:
        behind = "select pg_last_wal_replay_lsn() < %s::pg_lsn"
        await eventually(lambda: one(copy, behind, position), False)
    worker = crew.start(dsn=standby.dsn)
    await worker.prints("cannot connect to")
    primary.crash()
    promote(standby)
    await ledger.until("end")
    assert await worker.stopped() == 0


async def test_a_server_that_stays_in_recovery_ends_the_start_in_its_time(
    standby: DevServer, crew: Workers
) -> None:
    """B17, M23: the exit code is not 0, and the last line says what is wrong with which server."""
    worker = crew.start(dsn=standby.dsn, PGQUEUE_CONNECT_TIMEOUT="1s")
    assert await worker.ended() != 0
    [said] = [line for line in worker.printed.splitlines() if line.startswith("pgqueue:")]
    assert "cannot connect to 127.0.0.1:" in said
    assert "session is read-only" in said
    assert password(standby) not in worker.printed


def password(server: DevServer) -> Any:
    """The secret of a server."""
    return conninfo_to_dict(server.dsn)["password"]
