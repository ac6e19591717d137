"""Pushes beside a worker that falls asleep, in every order of their steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from itertools import combinations
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres
from pgqueue.drivers.postgres.doorbell import Doorbell
from pgqueue.seam import Claim, JobSource
from tests.worker.running import SLEEPING, Connection, eventually, one, soon

pytestmark = pytest.mark.usefixtures("listening")

# P: a push inserts and peeks; C: it commits. L: the worker looks; T: it takes the bells.
WORKER = "LTLLL"
ORDERS = [
    "".join({first: "P", second: "C"}.get(place, "") or next(steps) for place in range(7))
    for first, second in combinations(range(7), 2)
    for steps in [iter(WORKER)]
]
# It peeked while nobody slept, and was open for longer than the worker is wary.
OPEN_FOR_LONG = [
    order for order in ORDERS if order.index("P") < order.index("T") and order[-1] == "C"
]
NEVER, SHORT = timedelta(minutes=10), timedelta(seconds=2)


class Turns:
    """Lets a worker take its steps one by one, until it may go on as it likes."""

    def __init__(self) -> None:
        self.free = False
        self._asking: asyncio.Queue[tuple[str, asyncio.Event]] = asyncio.Queue()
        self._done: asyncio.Queue[str] = asyncio.Queue()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for one's turn, and tell when it is over."""
        if self.free:
            yield
            return
        go = asyncio.Event()
        self._asking.put_nowait((name, go))
        await go.wait()
        yield
        self._done.put_nowait(name)

    async def give(self, name: str) -> None:
        """Let the worker take the step that it is about to take, which has to be this one."""
        asked, go = await soon(self._asking.get())
        assert asked == name
        go.set()
        assert await soon(self._done.get()) == name

    def release(self) -> None:
        """Hold up nobody any more."""
        self.free = True
        while not self._asking.empty():
            self._asking.get_nowait()[1].set()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """The turns of a worker, one of which is to take the bells."""
    turns = Turns()
    turns.free = True
    fall_asleep = Doorbell._fall_asleep

    async def in_turn(self: Doorbell) -> None:
        async with turns.turn("T"):
            await fall_asleep(self)

    monkeypatch.setattr(Doorbell, "_fall_asleep", in_turn)
    return turns


async def look(source: JobSource) -> list[int]:
    wanted = Claim(rooms={"audio": 1}, limit=1, token=7, lease=timedelta(minutes=5), worker="test")
    return [delivery.id for delivery in await source.claim(wanted)]


async def work(source: JobSource, turns: Turns, poll: timedelta, looks: list[list[int]]) -> None:
    """Look until there is something, and sleep in between, as the worker does."""
    while not any(looks):
        async with turns.turn("L"):
            looks.append(await look(source))
        if not looks[-1]:
            await source.wait(poll)


async def hear(source: JobSource, conn: Connection, pg: Any) -> None:
    """Come to where a worker is that has just found its last job, and hears the doorbell."""
    while not one(conn, SLEEPING):
        await look(source)
        await source.wait(timedelta(seconds=1))
    pg.push("audio", 0, on=conn, notify=False)
    assert await look(source)
    await eventually(lambda: one(conn, SLEEPING), 0)


@contextmanager
def producer(dsn: str, pg: Any) -> Iterator[dict[str, Callable[[], Any]]]:
    """The steps of a push in a transaction of its own."""
    with psycopg.connect(dsn) as conn:
        yield {"P": lambda: pg.push("audio", 1, on=conn), "C": conn.commit}


async def played(order: str, poll: timedelta, turns: Turns, conn: Connection, dsn: str) -> int:
    """Take the steps in an order, then let the worker go on; return how often it has looked."""
    pg = Postgres(dsn, poll_interval="10m")
    looks: list[list[int]] = []
    async with pg.source(["audio"], "test") as source:
        await hear(source, conn, pg)
        turns.free = False
        with producer(dsn, pg) as pushing:
            working = asyncio.create_task(work(source, turns, poll, looks))
            for step in order:
                if step in pushing:
                    pushing[step]()
                elif not any(looks):
                    await turns.give(step)
            turns.release()
            await soon(working)
    return len(looks)


@pytest.mark.parametrize("order", [order for order in ORDERS if order not in OPEN_FOR_LONG])
async def test_a_push_is_heard_or_seen_in_every_order(
    order: str, turns: Turns, conn: Connection, dsn: str
) -> None:
    """M43, P8: without any poll, for nobody waits ten minutes here."""
    await played(order, NEVER, turns, conn, dsn)


@pytest.mark.parametrize("order", OPEN_FOR_LONG)
async def test_a_push_that_was_open_for_long_costs_one_poll(
    order: str, turns: Turns, conn: Connection, dsn: str
) -> None:
    """M43, P8, K13: the only way to miss a push is found by the very next look."""
    assert await played(order, SHORT, turns, conn, dsn) == WORKER.count("L") + 1
