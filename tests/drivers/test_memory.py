"""The memory driver under the worker that every driver has."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from pgqueue import (
    Abort,
    Job,
    Memory,
    Processors,
    Snooze,
    UnsupportedOption,
    Worker,
    fixed,
)
from tests.worker.running import eventually, running, soon

QUICK: dict[str, Any] = {
    "env": False,
    "lease": "2s",
    "heartbeat": "500ms",
    # So that only a wake-up explains that a job has run.
    "poll_interval": "1h",
    "backoff": fixed("10ms"),
}


@pytest.fixture
def memory() -> Memory:
    return Memory(**QUICK)


@pytest.fixture
def processors() -> Processors:
    return Processors()


async def test_jobs_are_retried_delayed_and_skipped_as_with_any_driver(
    memory: Memory, processors: Processors
) -> None:
    """B33: retries, delays, snoozes and conditions work."""
    seen: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    counted: Counter[str] = Counter()

    @processors.process("audio", condition=lambda payload: payload != "unwanted")
    async def run(job: Job[str]) -> None:
        counted[job.payload] += 1
        seen.put_nowait((job.payload, job.attempt))
        if job.payload == "failing" and job.attempt < 3:
            raise ValueError
        if job.payload == "sleepy" and counted["sleepy"] < 3:
            raise Snooze("1ms")

    async with running(Worker(memory, include=[processors])):
        await memory.push_many("audio", ["unwanted", "failing", "sleepy"])
        await memory.push("audio", "late", delay="50ms")
        found = {await soon(seen.get()) for _ in range(7)}
    assert found == {("failing", 1), ("failing", 2), ("failing", 3), ("sleepy", 1), ("late", 1)}
    assert repr(memory) == "Memory(0 jobs, 0 dead)"


async def test_the_dead_stay_with_their_reason_and_failures(
    memory: Memory, processors: Processors
) -> None:
    """B33: exhausted, aborted, rejected and expired jobs are kept apart."""
    ended: asyncio.Queue[str] = asyncio.Queue()

    @processors.process("audio")
    async def run(job: Job[str]) -> None:
        if job.payload == "hopeless":
            raise Abort("no such file")
        raise ValueError("bad sound")

    @processors.process("numbers")
    def count(number: int) -> None:
        raise AssertionError("never decoded")

    def hear(event: Any) -> None:
        if getattr(event, "outcome", None) is not None:
            ended.put_nowait(event.queue)

    await memory.push("audio", "late", expires_in=0)
    await memory.push("audio", "loud", attempts=2)
    await memory.push("audio", "hopeless")
    await memory.push("numbers", "seven")
    async with running(Worker(memory, include=[processors], events=[hear])):
        for _ in range(5):
            await soon(ended.get())
    letters = [await memory.dead.get(one.id) for one in await memory.dead.list()]
    dead = list(filter(None, letters))
    told = {(one.id, one.queue, one.reason, one.attempt, len(one.failures)) for one in dead}
    assert told == {
        (1, "audio", "expired", 0, 1),
        (2, "audio", "exhausted", 2, 2),
        (3, "audio", "aborted", 1, 1),
        (4, "numbers", "rejected", 0, 1),
    }
    assert "bad sound" in next(one for one in dead if one.id == 2).failures[-1].error


async def test_a_transaction_completes_the_job_without_a_database(
    memory: Memory, processors: Processors
) -> None:
    asked: asyncio.Queue[Any] = asyncio.Queue()

    @processors.process("a", transactional=True)
    async def on_the_loop(job: Job[Any]) -> None:
        with pytest.raises(UnsupportedOption, match="Memory has no database"):
            job.connection()
        asked.put_nowait(job.queue)

    @processors.process("b", transactional=True)
    def on_a_thread(job: Job[Any]) -> None: ...

    @processors.process("c")
    async def by_hand(job: Job[Any]) -> None:
        async with job.transaction() as nothing:
            asked.put_nowait(nothing)
        asked.put_nowait(repr(memory))

    async with running(Worker(memory, include=[processors])):
        await memory.push("b", 1)
        await memory.push("a", 1)
        assert await soon(asked.get()) == "a"
        await eventually(lambda: repr(memory), "Memory(0 jobs, 0 dead)")
        await memory.push("c", 1)
        assert await soon(asked.get()) is None
        assert "0 jobs" in await soon(asked.get())
    assert repr(memory) == "Memory(0 jobs, 0 dead)"


async def test_a_push_on_another_thread_wakes_the_worker(
    memory: Memory, processors: Processors
) -> None:
    done = asyncio.Event()

    @processors.process("first")
    def push_another(payload: Any) -> None:
        asyncio.run(memory.push("second", payload))

    @processors.process("second")
    async def finish(payload: Any) -> None:
        done.set()

    async with running(Worker(memory, include=[processors])):
        await memory.push("first", 1)
        await soon(done.wait())


async def test_what_a_stopping_worker_gives_back_the_next_one_runs(
    processors: Processors,
) -> None:
    memory = Memory(**QUICK, shutdown_timeout=0)
    attempts: asyncio.Queue[int] = asyncio.Queue()
    free = asyncio.Event()

    @processors.process("audio")
    async def run(job: Job[Any]) -> None:
        attempts.put_nowait(job.attempt)
        await free.wait()

    await memory.push("audio", 1)
    for _ in range(2):
        async with running(Worker(memory, include=[processors])):
            assert await soon(attempts.get()) == 1
        assert repr(memory) == "Memory(1 jobs, 0 dead)"


async def test_two_workers_share_the_jobs(memory: Memory, processors: Processors) -> None:
    ran: asyncio.Queue[int] = asyncio.Queue()

    @processors.process("audio", concurrency=2)
    async def run(number: int) -> None:
        ran.put_nowait(number)

    one, two = (Worker(memory, include=[processors]) for _ in range(2))
    async with running(one), running(two):
        await memory.push_many("audio", range(200))
        found = [await soon(ran.get()) for _ in range(200)]
    assert sorted(found) == list(range(200))


def test_jobs_vanish_with_their_process() -> None:
    """B33: nothing is written anywhere, and no other process sees anything."""
    code = (
        "import asyncio, pgqueue; memory = pgqueue.Memory(env=False); print(memory);"
        "asyncio.run(memory.push('audio', 'secret')); print(memory)"
    )
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
        assert ran.stdout.split("\n")[:2] == ["Memory(0 jobs, 0 dead)", "Memory(1 jobs, 0 dead)"]


async def test_an_option_that_memory_lacks_is_named_with_those_it_has(memory: Memory) -> None:
    """B13: notify is PostgreSQL's own, and so is a connection."""
    for option in ("notify", "on"):
        with pytest.raises(UnsupportedOption, match=rf"Memory has no option {option}; it has att"):
            await memory.push("audio", 1, **{option: True})
