"""Connections that are ended, frozen or refused by the server: the worker makes new ones."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgqueue import Postgres
from pgqueue.devserver import DevServer
from tests.chaos.apps.ordinary import QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.load import LONG, load, ran_once, settled
from tests.chaos.workers import Workers
from tests.worker.running import SLEEPING, Connection, eventually, one

OURS = """
from pg_stat_activity
where datname = current_database() and application_name like 'pgqueue:worker:%'"""
POOLED = f"select pid {OURS} and query not like 'listen%' and query not like '%7067%'"
FEW = {"max_connections": "12", "superuser_reserved_connections": "0"}
ROUNDS = 10


async def test_every_connection_is_ended_again_and_again_under_load(
    workers: Workers, dsn: str, conn: Connection, ledger: Ledger
) -> None:
    """M22, M27, K12, P3, P8: nothing is lost, and nothing runs twice."""
    worker = await workers.serving(**LONG)
    ended = 0
    async with load(dsn, QUICK) as pushing:
        for _ in range(ROUNDS):
            await pushing.more(ledger, 5)
            ended += conn.execute(f"select pg_terminate_backend(pid) {OURS}").rowcount
    await settled(dsn)
    assert ended >= ROUNDS
    await eventually(lambda: one(conn, SLEEPING), 1)
    assert await worker.stopped() == 0
    ran_once(ledger, pushing.committed)


async def test_a_server_process_that_stands_still_hangs_no_loop(
    primary: DevServer, own: Connection, crew: Workers, ledger: Ledger
) -> None:
    """M26, P8: its statement has a deadline, and the next one goes over another connection."""
    pg, dsn = Postgres(primary.dsn), primary.dsn
    # The deadline is a quarter of the lease.
    worker = await crew.serving(dsn=dsn, **(LONG | {"PGQUEUE_LEASE": "20s"}))
    pg.push(QUICK, 0, on=own)
    await ledger.until("end")
    await eventually(lambda: one(own, SLEEPING), 1)
    frozen = [pid for (pid,) in own.execute(POOLED)]
    assert frozen
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        pg.push(QUICK, 1, on=own)
        await worker.prints("no answer from the database within")
        await ledger.until("end", 2)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    # Thawed they execute what they were sent, for a client that has gone.
    pg.push(QUICK, 2, on=own)
    await settled(dsn)
    assert ledger.runs() == {1: 1, 2: 1, 3: 1}
    assert await worker.stopped() == 0


def use_up(server: DevServer, held: ExitStack) -> None:
    """Take every connection that the server has left."""
    with suppress(psycopg.OperationalError):
        while True:
            held.enter_context(psycopg.connect(server.dsn))


@pytest.mark.parametrize("primary", [FEW], indirect=True)
async def test_a_server_without_a_free_connection_ends_the_start_in_its_time(
    primary: DevServer, crew: Workers
) -> None:
    """B17, M35: the exit code is not 0, and the last line gives the reason, without a secret."""
    with ExitStack() as others:
        use_up(primary, others)
        worker = crew.start(dsn=primary.dsn, PGQUEUE_CONNECT_TIMEOUT="1s")
        assert await worker.ended() != 0
    [said] = [line for line in worker.printed.splitlines() if line.startswith("pgqueue:")]
    assert "too many clients" in said
    assert str(conninfo_to_dict(primary.dsn)["password"]) not in worker.printed


@pytest.mark.parametrize("primary", [FEW], indirect=True)
async def test_a_worker_that_loses_its_connections_to_others_gets_them_back(
    primary: DevServer, crew: Workers, ledger: Ledger
) -> None:
    """M35, P8: it says so, waits, and goes on when there is room."""
    worker = await crew.serving(dsn=primary.dsn, PGQUEUE_CONNECT_TIMEOUT="2s")
    with psycopg.connect(primary.dsn, autocommit=True) as conn:
        await eventually(lambda: one(conn, SLEEPING), 1)
        # The others are first: a connection that ends leaves its place to whoever asks next.
        with ExitStack() as others:
            while one(conn, f"select count(*) {OURS}"):
                conn.execute(f"select pg_terminate_backend(pid) {OURS}")
                use_up(primary, others)
            await worker.prints("too many clients")
            Postgres(primary.dsn).push(QUICK, 0, on=conn)
        await ledger.until("end")
    assert await worker.stopped() == 0
