"""Events: inline listeners are called by `dispatch`, queued ones get jobs on their queues."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import psycopg
import pytest

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.running import Connection, census, drained, running, soon


@dataclass(frozen=True)
class OrderPaid:
    topic: ClassVar[str] = "order.paid"
    order: int


@dataclass(frozen=True)
class CacheCleared:
    """An event for inline listeners only: it declares no topic."""


QUEUES = "select queue, name from pgqueue.jobs order by queue"


async def test_an_event_reaches_the_inline_listener_now_and_the_queued_ones_as_jobs(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """C08, C19: two queues were named at registration, and none at the dispatch."""
    heard: list[tuple[str, object]] = []
    ran = asyncio.Queue[tuple[str, str | None, int]]()

    @processors.listen(OrderPaid)
    async def inline(event: OrderPaid) -> None:
        heard.append(("inline", event))

    @processors.listen(OrderPaid, queue="mails")
    async def mail(job: Job[OrderPaid]) -> None:
        await ran.put((job.queue, job.topic, job.payload.order))

    @processors.listen(OrderPaid, queue="audit", attempts=2)
    async def audit(job: Job[OrderPaid]) -> None:
        await ran.put((job.queue, job.topic, job.payload.order))

    worker = Worker(pg, include=[processors])
    ids = await pg.dispatch(OrderPaid(7))
    assert heard == [("inline", OrderPaid(7))]
    assert len(ids) == 2
    assert conn.execute(QUEUES).fetchall() == [("audit", "order.paid"), ("mails", "order.paid")]
    async with running(worker):
        found = {await soon(ran.get()), await soon(ran.get())}
        await drained(conn)
    assert found == {("mails", "order.paid", 7), ("audit", "order.paid", 7)}


@pytest.mark.parametrize("how", ["roll back", "commit"])
def test_on_a_blocking_connection_the_jobs_commit_with_it(
    pg: Postgres, conn: Connection, processors: Processors, how: str
) -> None:
    """D26: plain functions are called, and the copies are of this transaction."""
    heard: list[OrderPaid] = []
    processors.listen(OrderPaid)(lambda event: heard.append(event))
    processors.listen(OrderPaid, queue="mails")(lambda event: None)
    pg.include(processors)
    with conn.transaction(force_rollback=how == "roll back"):
        assert len(pg.dispatch(OrderPaid(1), on=conn)) == 1
    assert heard == [OrderPaid(1)]
    assert census(conn) == ({"ready": 1} if how == "commit" else {})


def test_a_blocking_dispatch_refuses_an_async_listener_before_it_calls_any(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """C08: half of the listeners is not all of them."""
    heard: list[OrderPaid] = []
    processors.listen(OrderPaid)(lambda event: heard.append(event))

    @processors.listen(OrderPaid)
    async def later(event: OrderPaid) -> None: ...

    pg.include(processors)
    with pytest.raises(TypeError, match=r"OrderPaid is dispatched on a blocking .*later is async"):
        pg.dispatch(OrderPaid(1), on=conn)
    assert (heard, census(conn)) == ([], {})


async def test_an_inline_listener_that_raises_stops_the_dispatch(
    pg: Postgres, aconn: psycopg.AsyncConnection, conn: Connection, processors: Processors
) -> None:
    """C08: its error reaches the dispatcher, and nothing was pushed."""

    @processors.listen(OrderPaid)
    def inline(event: OrderPaid) -> None:
        raise ValueError("no")

    processors.listen(OrderPaid, queue="mails")(lambda event: None)
    pg.include(processors)
    with pytest.raises(ValueError, match="no"):
        await pg.dispatch(OrderPaid(1), on=aconn)
    assert census(conn) == {}


async def test_a_process_without_the_listeners_reaches_them_by_the_topic(
    pg: Postgres, conn: Connection, dsn: str, processors: Processors
) -> None:
    """C20, A02: the event's name is its address; the two share no listener's code."""
    ran = asyncio.Queue[OrderPaid]()
    await pg.dispatch(OrderPaid(1))
    assert conn.execute(QUEUES).fetchall() == [("order.paid", "order.paid")]

    @processors.listen(OrderPaid, queue="order.paid")
    async def mail(event: OrderPaid) -> None:
        await ran.put(event)

    async with Postgres(dsn) as elsewhere, running(Worker(elsewhere, include=[processors])):
        assert await soon(ran.get()) == OrderPaid(1)


async def test_an_event_without_a_topic_pushes_nothing(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    heard: list[CacheCleared] = []
    processors.listen(CacheCleared)(lambda event: heard.append(event))
    pg.include(processors)
    assert await pg.dispatch(CacheCleared()) == []
    assert (heard, census(conn)) == ([CacheCleared()], {})
