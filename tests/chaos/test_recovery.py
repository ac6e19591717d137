"""What a dead worker leaves behind is found by any other, whatever lies beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from pgqueue import Postgres
from pgqueue.drivers.postgres.settle import COMPLETE
from pgqueue.drivers.postgres.statement import run
from tests.chaos.apps.ordinary import GATED, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.workers import Workers
from tests.drivers.store import claim, extend, insert, lapse
from tests.worker.running import Connection, census, drained, eventually, one

LABELS = "select array_agg(distinct worker) from pgqueue.jobs"
LAPSE_ALL = "update pgqueue.jobs set visible_at = now() - interval '1 s'"
PAGE = 1000

Spoil = Callable[[Connection], None]


async def test_without_any_list_of_workers(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P6, M02: the rows of workers are gone before their worker is; its job runs again."""
    pg.push(GATED, 0, on=conn)
    killed = await workers.serving()
    await ledger.until("start")
    conn.execute("delete from pgqueue.workers")
    await killed.killed()
    ledger.open()
    await workers.serving()
    await drained(conn)
    assert ledger.attempts() == {1: [1, 2]}


async def test_by_a_worker_of_the_same_host_and_process_id(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P6, M03: each boot has a label of its own, and the leases of the last one are not its."""
    isolated = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
    assert shutil.which("unshare"), "install util-linux"
    pg.push(GATED, 0, on=conn)
    killed = await workers.serving(before=isolated)
    await ledger.until("start")
    [first] = one(conn, LABELS)
    await killed.killed()
    again = await workers.serving(before=isolated)
    await ledger.until("start", 2)
    [second] = one(conn, LABELS)
    assert first != second
    assert first.split(":")[:2] == second.split(":")[:2] == [os.uname().nodename[:20], "1"]
    ledger.open()
    await drained(conn)
    assert again.running
    assert ledger.attempts() == {1: [1, 2]}


def unknown(conn: Connection) -> None:
    conn.execute("update pgqueue.jobs set name = 'forgotten' where id < 1001")


def unreadable(conn: Connection) -> None:
    conn.execute("""
        update pgqueue.jobs set envelope = '{"v": 1, "payload": "no number"}' where id < 1001""")


def exhausted(conn: Connection) -> None:
    conn.execute("update pgqueue.jobs set max_attempts = 1 where id < 1001")


@pytest.mark.parametrize("spoil", [unreadable, exhausted])
async def test_behind_a_thousand_orphans_that_can_never_run(
    pg: Postgres,
    workers: Workers,
    conn: Connection,
    ledger: Ledger,
    spoil: Callable[[Connection], None],
) -> None:
    """P7, M07: they die one by one, and what lies behind them runs."""
    await orphaned(pg, conn)
    spoil(conn)
    await workers.serving()
    await ledger.until("end")
    await eventually(lambda: census(conn), {"dead": PAGE})
    assert ledger.attempts() == {PAGE + 1: [2]}


async def test_behind_a_thousand_orphans_that_nobody_here_knows(
    pg: Postgres, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P7, M07: they wait for a processor, out of the way, and their attempts are not spent."""
    await orphaned(pg, conn)
    unknown(conn)
    conn.execute("delete from pgqueue.jobs where id = %s", [PAGE + 1])
    pg.push(QUICK, 0, name="known", on=conn)
    await workers.serving(app="named")
    await ledger.until("end")
    await eventually(lambda: census(conn), {"scheduled": PAGE})
    assert one(conn, "select array_agg(distinct attempt) from pgqueue.scheduled_jobs") == [1]


async def test_behind_a_thousand_orphans_that_somebody_has_locked(
    pg: Postgres, dsn: str, workers: Workers, conn: Connection, ledger: Ledger
) -> None:
    """P6, M07: an operator's open transaction holds its rows back, and no other."""
    await orphaned(pg, conn)
    with psycopg.connect(dsn) as operator:
        operator.execute("select from pgqueue.jobs where id <= %s for update", [PAGE])
        await workers.serving()
        await ledger.until("end")
        assert ledger.attempts() == {PAGE + 1: [2]}
    await drained(conn)
    assert len(ledger.runs()) == PAGE + 1


async def orphaned(pg: Postgres, conn: Connection) -> None:
    """Leave a thousand and one jobs whose worker is gone."""
    pg.push_many(QUICK, range(PAGE + 1), on=conn)
    assert len(claim(conn, {"quick": PAGE + 1}, limit=PAGE + 1)) == PAGE + 1
    conn.execute(LAPSE_ALL)


async def test_an_outcome_and_a_rescue_at_the_same_moment(dsn: str, conn: Connection) -> None:
    """P1, P4, M06: one of the two gets the job, whoever is first; never both, never none."""
    won = {"settled": 0, "rescued": 0}
    with psycopg.connect(dsn, autocommit=True) as late, psycopg.connect(dsn, autocommit=True) as by:
        for token in range(100, 400, 2):
            [job] = insert(conn, "audio")
            claim(conn, {"audio": 1}, token=token)
            lapse(conn, job)
            settling = asyncio.to_thread(run, late, COMPLETE, {"ids": [job], "tokens": [token]})
            rescuing = asyncio.to_thread(claim, by, {"audio": 1}, token=token + 1)
            settled, rescued = await asyncio.gather(settling, rescuing)
            assert (len(settled), len(rescued)) in {(1, 0), (0, 1), (0, 0)}
            if settled:
                won["settled"] += 1
            else:
                # Both may have come to a row that the other one had locked: then it is a rescue's.
                rescued = rescued or claim(conn, {"audio": 1}, token=token + 1)
                assert [(one.id, one.attempt) for one in rescued] == [(job, 2)]
                assert run(late, COMPLETE, {"ids": [job], "tokens": [token + 1]}) == [job]
                won["rescued"] += 1
            assert census(conn) == {}
    assert sum(won.values()) == 150


async def test_an_extension_and_a_rescue_at_the_same_moment(dsn: str, conn: Connection) -> None:
    """P3, P4, M06: a lease that was extended in time is not taken, and the reverse."""
    [job] = insert(conn, "audio")
    with psycopg.connect(dsn, autocommit=True) as late, psycopg.connect(dsn, autocommit=True) as by:
        token = claim(conn, {"audio": 1}, token=100)[0].token
        for other in range(101, 251):
            lapse(conn, job)
            extending = asyncio.to_thread(extend, late, job, token)
            rescuing = asyncio.to_thread(
                claim, by, {"audio": 1}, token=other, lease=timedelta(minutes=1)
            )
            extended, rescued = await asyncio.gather(extending, rescuing)
            held = any(prolonged for _, prolonged in extended)
            assert not (held and rescued), "the lease was extended, and taken"
            token = other if rescued else token
            assert one(conn, "select lease from pgqueue.jobs") == token
