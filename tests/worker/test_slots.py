"""Room for attempts: never one too many, never a free slot that nobody notices."""

from __future__ import annotations

import asyncio

from pgqueue import LeaseLost, Postgres, Processors, Worker
from pgqueue.processor import reachable
from pgqueue.worker.slots import Slots
from tests.worker.gauge import Gauge
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


async def test_no_more_attempts_run_at_once_than_the_processor_allows(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A05, F11: fifty jobs through five slots: five in flight, never six, none claimed beyond."""
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


async def test_the_workers_own_cap_is_above_those_of_its_processors(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """F11: two processors of three each in a worker of four: four run, and each has some."""
    gauge = Gauge()

    @processors.process("one", concurrency=3)
    async def hold(payload: int) -> None:
        await gauge.hold(payload)

    @processors.process("two", concurrency=3)
    async def hold_too(payload: int) -> None:
        await gauge.hold(payload)

    pg.push_many("one", [1] * 9, on=conn)
    pg.push_many("two", [2] * 9, on=conn)
    async with running(Worker(pg, include=[processors], concurrency=4)):
        first = [await soon(gauge.entered.get()) for _ in range(4)]
        assert sorted(set(first)) == [1, 2]
        for _ in range(18):
            gauge.leave.release()
        await drained(conn)
    assert gauge.peak == 4


async def test_short_jobs_run_on_beside_long_ones(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C16, D15: with all but one slot held, the short jobs behind and between are not starved."""
    gauge = Gauge()
    ran: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("mixed")
    async def run(payload: int) -> None:
        await (gauge.hold(payload) if payload < 0 else ran.put(payload))

    pg.push_many("mixed", [-1, -2, -3, *range(200)], on=conn)
    async with running(Worker(pg, include=[processors], concurrency=4)):
        assert [await soon(ran.get()) for _ in range(200)] == list(range(200))
        assert gauge.now == 3
        for _ in range(3):
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


def test_slots_that_are_about_to_be_given_count_where_they_belong(processors: Processors) -> None:
    """A05: at the worker, and at their own processor alone; and they are still taken."""

    @processors.process("audio", concurrency=1)
    async def play(payload: int) -> None: ...

    @processors.process("video", concurrency=2)
    async def show(payload: int) -> None: ...

    played, shown = reachable([processors]).values()
    slots, queues = Slots(3, [played, shown]), ["audio", "video"]
    for processor in (played, shown, shown):
        slots.take(processor)
    assert slots.rooms(queues) == {}
    assert slots.rooms(queues, [shown]) == {"video": 1}
    assert slots.rooms(queues, [played]) == {"audio": 1}
    assert slots.rooms(queues, [played, shown, shown]) == {"audio": 1, "video": 2}
    # The slot of a job that no processor wanted is the worker's alone.
    assert slots.rooms(queues, [None]) == {}
    assert slots.rooms(queues, [None, played]) == {"audio": 1}
    assert slots.rooms(queues) == {}
    assert slots.free == 0


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
