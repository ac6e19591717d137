"""The network swallows packets, some or all, and tells nobody: workers notice, and come back."""

from __future__ import annotations

import pytest
from psycopg.conninfo import make_conninfo

from pgqueue import Postgres
from pgqueue.devserver import DevServer
from tests.chaos.apps.ordinary import GATED, QUICK
from tests.chaos.ledger import Ledger
from tests.chaos.load import LONG, settled
from tests.chaos.network import Cable
from tests.chaos.workers import Worker, Workers
from tests.worker.running import SLEEPING, Connection, eventually, one

EVERYWHERE = [{"listen_addresses": "*"}]
# The driver's own are longer; what the connection string says is left alone.
SHORT = {
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": "2",
    "tcp_user_timeout": "3000",
}
JOBS = list(range(40))
pytestmark = pytest.mark.parametrize("primary", EVERYWHERE, indirect=True)


async def beyond(crew: Workers, primary: DevServer, wire: Cable) -> Worker:
    """Start a worker at the far end of the cable."""
    dsn = make_conninfo(primary.dsn, host=wire.near, **SHORT)
    settings = LONG | {"PGQUEUE_CONNECT_TIMEOUT": "5s", "PGQUEUE_POLL_INTERVAL": "10m"}
    return await crew.serving(dsn=dsn, before=wire.into, **settings)


async def test_a_worker_that_sleeps_finds_out_that_nothing_can_reach_it(
    primary: DevServer, crew: Workers, wire: Cable, own: Connection, ledger: Ledger
) -> None:
    """M25, P8: with ten minutes between its polls; it hears the bell when the network is back."""
    worker = await beyond(crew, primary, wire)
    await eventually(lambda: one(own, SLEEPING), 1)
    wire.cut()
    await worker.prints("degraded: polling")
    Postgres(primary.dsn).push(QUICK, 0, on=own)
    wire.heal()
    await ledger.until("end")
    await worker.prints("no longer degraded")
    Postgres(primary.dsn).push(QUICK, 1, on=own)
    await ledger.until("end", 2)
    assert list(ledger.runs().values()) == [1, 1]
    assert await worker.stopped() == 0


async def test_outcomes_on_their_way_into_the_hole_are_sent_again(
    primary: DevServer, crew: Workers, wire: Cable, own: Connection, ledger: Ledger
) -> None:
    """M25, K12, P3, P8: a statement without an answer is given up; no job runs twice for it."""
    Postgres(primary.dsn).push_many(GATED, [0, 1, 2], on=own)
    worker = await beyond(crew, primary, wire)
    await ledger.until("start", 3)
    wire.cut()
    ledger.open()
    await worker.prints("Settler lost the database")
    wire.heal()
    await settled(primary.dsn)
    assert ledger.attempts() == {1: [1], 2: [1], 3: [1]}
    assert await worker.stopped() == 0


async def test_a_hole_that_closes_before_anybody_falls_into_it_changes_nothing(
    primary: DevServer, crew: Workers, wire: Cable, own: Connection, ledger: Ledger
) -> None:
    """M25, P8: what was pushed meanwhile is heard of late, by packets that are sent again."""
    worker = await beyond(crew, primary, wire)
    await eventually(lambda: one(own, SLEEPING), 1)
    wire.cut()
    Postgres(primary.dsn).push(QUICK, 0, on=own)
    wire.heal()
    await ledger.until("end")
    assert await worker.stopped() == 0


async def test_a_bad_line_is_slow_and_nothing_more(
    primary: DevServer, crew: Workers, wire: Cable, own: Connection, ledger: Ledger
) -> None:
    """M66, M25, P3, P8: a fifth of all packets is lost, and 256 kbit/s: each job runs once."""
    worker = await beyond(crew, primary, wire)
    wire.lose(20)
    wire.slow("256kbit")
    Postgres(primary.dsn).push_many(QUICK, JOBS, on=own)
    await settled(primary.dsn)
    wire.heal()
    assert list(ledger.runs().values()) == [1] * len(JOBS)
    assert await worker.stopped() == 0
