"""Room for attempts: never one too many, never a free slot that nobody notices."""

from __future__ import annotations

import asyncio

from pgqueue import LeaseLost, Postgres, Processors, Worker
from pgqueue.worker.slots import Slots
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


class Gauge:
    """Counts attempts in flight, and lets them end when it is told to."""

    def __init__(self) -> None:
        self.now = self.peak = 0
        self.entered: asyncio.Queue[int] = asyncio.Queue()
        self.leave = asyncio.Semaphore(0)

    async def hold(self, payload: int) -> None:
        self.now += 1
        self.peak = max(self.peak, self.now)
        self.entered.put_nowait(payload)
        await self.leave.acquire()
        self.now -= 1


async def test_no_more_attempts_run_at_once_than_the_processor_allows(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A05: fifty jobs through five slots: five in flight, never six, none claimed beyond."""
    gauge = Gauge()

    @processors.process("audio", concurrency=5)
    async def hold(payload: int) -> None:
        await gauge.hold(payload)

    pg.push_many("audio", range(50), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=20)):
        for _ in range(5):
            await soon(gauge.entered.get())
        for _ in range(45):
            assert census(conn)["leased"] <= 5
            gauge.leave.release()
            await soon(gauge.entered.get())
        for _ in range(5):
            gauge.leave.release()
        await drained(conn)
    assert gauge.peak == 5


async def test_a_full_processor_leaves_the_others_their_slots(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A05: while one processor's slots are all taken, another's jobs run."""
    gauge = Gauge()
    ran: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("full", concurrency=2)
    async def hold(payload: int) -> None:
        await gauge.hold(payload)

    @processors.process("free", concurrency=2)
    async def run(payload: int) -> None:
        ran.put_nowait(payload)

    pg.push_many("full", range(4), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=4)):
        for _ in range(2):
            await soon(gauge.entered.get())
        pg.push_many("free", range(10), on=conn)
        assert sorted([await soon(ran.get()) for _ in range(10)]) == list(range(10))
        assert gauge.peak == 2
        for _ in range(4):
            gauge.leave.release()
        await drained(conn)


async def test_a_full_worker_claims_nothing_and_its_sibling_runs_the_rest(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A06, A04: claimed jobs never exceed free slots, and a second worker re-runs nothing."""
    gauge = Gauge()
    ran: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio")
    async def hold(payload: int) -> None:
        await (gauge.hold(payload) if payload == 0 else ran.put(payload))

    pg.push("audio", 0, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await soon(gauge.entered.get())
        pg.push_many("audio", [1, 2], on=conn)
        async with running(Worker(pg, include=[processors], concurrency=1)):
            assert sorted([await soon(ran.get()) for _ in range(2)]) == [1, 2]
            await eventually(lambda: one(conn, "select array_agg(attempt) from pgqueue.jobs"), [1])
            gauge.leave.release()
            await drained(conn)
    assert gauge.peak == 1


async def test_a_slot_that_is_given_before_anybody_waits_for_it_is_noticed() -> None:
    """The wake-up is not lost between the look at the slots and the wait for one."""
    slots = Slots(1, [])
    slots.take(None)
    assert slots.rooms([]) == {}
    waiting = asyncio.create_task(slots.given())
    slots.give(None)
    await soon(waiting)


async def test_a_slot_that_was_given_is_no_reason_to_look_twice() -> None:
    """Full again, the worker sleeps until the next slot becomes free: it does not spin."""
    slots = Slots(1, [])
    for _ in range(2):
        slots.take(None)
        assert slots.rooms([]) == {}
        waiting = asyncio.create_task(slots.given())
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        slots.give(None)
        await soon(waiting)


async def test_a_handler_that_ends_without_an_outcome_frees_its_slot(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """One slot, a handler that reports a lost lease at once: the next job still runs."""
    ran = asyncio.Event()

    @processors.process("audio")
    async def run(payload: int) -> None:
        if payload == 0:
            raise LeaseLost("it is somebody else's")
        ran.set()

    pg.push_many("audio", range(2), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await soon(ran.wait())
