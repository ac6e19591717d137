"""In which order queues are served, and that nobody waits for ever."""

from __future__ import annotations

import asyncio

from pgqueue import Job, Postgres, Processors, Worker
from tests.worker.running import Connection, drained, eventually, one, running

LIST = ("high", "default", "low")
STREAM = 50


def recording(processors: Processors, *queues: str) -> list[str]:
    """Register a handler for each queue that writes down the queue."""
    ran: list[str] = []

    def register(queue: str) -> None:
        @processors.process(queue)
        async def run(payload: object) -> None:
            ran.append(queue)

    for queue in queues:
        register(queue)
    return ran


async def test_a_list_of_queues_is_served_strictly_in_its_order(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C11: all high jobs start before any default one, all default ones before any low one."""
    ran = recording(processors, *LIST)
    for queue in reversed(LIST):
        pg.push_many(queue, range(100), on=conn)
    async with running(Worker(pg, include=[processors], queues=LIST, concurrency=1)):
        await drained(conn)
    assert ran == ["high"] * 100 + ["default"] * 100 + ["low"] * 100


async def test_a_high_job_is_the_next_one_while_low_ones_are_drained(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C12: a preferred queue's job that commits meanwhile is the next to be claimed."""
    ran: list[str] = []

    @processors.process("high")
    async def high(payload: int) -> None:
        ran.append("high")

    @processors.process("low")
    async def low(payload: int) -> None:
        ran.append("low")
        if payload == 5:
            await asyncio.to_thread(pg.push, "high", 1, on=conn)

    pg.push_many("low", range(1, 11), on=conn)
    async with running(Worker(pg, include=[processors], queues=["high", "low"], concurrency=1)):
        await drained(conn)
    assert ran == ["low"] * 5 + ["high"] + ["low"] * 5


async def test_without_a_list_no_queue_waits_for_another_to_be_empty(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C16, M65: every included queue is served, and they take turns."""
    ran = recording(processors, "audio", "video", "email")
    for queue in ("audio", "video", "email"):
        pg.push_many(queue, range(20), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    for start in range(0, 60, 3):
        assert set(ran[start : start + 3]) == {"audio", "video", "email"}


async def test_two_queues_take_turns_although_one_slot_serves_both(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C16: with as many queues as the loop has phases, none of them starves."""
    ran = recording(processors, "audio", "video")
    for queue in ("audio", "video"):
        pg.push_many(queue, range(20), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert ran[:20].count("audio") == 10


async def test_only_the_listed_queues_are_served(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C16: what is not listed stays where it is."""
    ran = recording(processors, "audio", "video")
    pg.push("audio", 1, on=conn)
    pg.push_many("video", range(2), on=conn)
    async with running(Worker(pg, include=[processors], queues=["video"])):
        await eventually(
            lambda: one(conn, "select count(*) from pgqueue.jobs where queue = 'video'"), 0
        )
    assert ran == ["video", "video"]
    assert one(conn, "select array_agg(queue || attempt) from pgqueue.jobs") == ["audio0"]


async def test_each_job_reaches_only_the_processor_of_its_queue_and_name(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B19, A20: three queues in one worker, and names before the catch-all."""
    ran: list[tuple[str, str, str | None]] = []

    def register(queue: str, name: str | None) -> None:
        @processors.process(queue, name=name)
        async def run(job: Job[str]) -> None:
            ran.append((job.payload, job.queue, job.name))
            assert job.queue == queue

    for queue, name in (("a", None), ("b", None), ("c", None), ("c", "named")):
        register(queue, name)
    for queue in "abc":
        pg.push_many(queue, [f"to {queue}"] * 3, on=conn)
    pg.push("c", "to named", on=conn, name="named")
    pg.push("c", "to other", on=conn, name="other")
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    wanted: list[tuple[str, str, str | None]] = [(f"to {queue}", queue, None) for queue in "abc"]
    wanted = wanted * 3 + [("to named", "c", "named"), ("to other", "c", "other")]
    assert sorted(ran, key=str) == sorted(wanted, key=str)


async def test_a_job_before_the_cursor_does_not_wait_for_the_whole_backlog(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A released job, which lies before the cursor, runs while a busy worker has more to do."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(payload: int) -> None:
        ran.append(payload)
        if payload == 50:
            await asyncio.to_thread(give_back, conn)

    pg.push_many("audio", range(4_000), on=conn)
    conn.execute(
        "update pgqueue.jobs set lease = 1, attempt = 1, visible_at = now() + interval '1 hour'"
        " where envelope ->> 'payload' = '0'"
    )
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert ran.index(0) < 3_900


def give_back(conn: Connection) -> None:
    conn.execute(
        "update pgqueue.jobs set lease = null, attempt = 0, visible_at = now() where lease = 1"
    )


async def test_a_low_queue_gets_its_turn_while_a_high_one_never_ends(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """M65: a queue of its own is what spares less urgent jobs the wait for all the others."""
    ran = endless(pg, processors, conn, until="bulk")
    pg.push("audio", 0, on=conn, priority=0)
    pg.push("bulk", 0, on=conn, priority=9)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert ran.index("bulk 9") <= 2


async def test_a_low_priority_waits_for_the_higher_ones_of_its_queue(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """M65: within a queue priorities are strict: it starts when the stream of others ends."""
    ran = endless(pg, processors, conn, until=None)
    pg.push("audio", 0, on=conn, priority=9)
    pg.push("audio", 0, on=conn, priority=0)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await drained(conn)
    assert ran == ["audio 0"] * STREAM + ["audio 9"]


def endless(
    pg: Postgres, processors: Processors, conn: Connection, *, until: str | None
) -> list[str]:
    """Let each job of priority 0 be followed by another, until a queue was served, or for long."""
    ran: list[str] = []

    async def run(job: Job[int]) -> None:
        priority = 9 if job.queue == "bulk" else await asyncio.to_thread(_priority, conn, job.id)
        ran.append(f"{job.queue} {priority}")
        more = len(ran) < STREAM and (until is None or f"{until} 9" not in ran)
        if priority == 0 and more:
            await asyncio.to_thread(pg.push, job.queue, 0, on=conn, priority=0)

    for queue in ("audio", "bulk"):
        processors.process(queue)(run)
    return ran


def _priority(conn: Connection, job: int) -> int:
    return int(one(conn, "select priority from pgqueue.jobs where id = %s", job))
