"""The sync driver: a push is the whole life of a job."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from pgqueue import (
    Job,
    Processors,
    Queue,
    RegistrationError,
    Sync,
    Worker,
    fixed,
)
from tests.worker.running import soon


@dataclass(frozen=True)
class Song:
    file: str


SONGS = Queue("songs", Song)


@pytest.fixture
def processors() -> Processors:
    return Processors()


@pytest.fixture
def sync(processors: Processors) -> Sync:
    driver = Sync(env=False)
    Worker(driver, include=[processors])
    return driver


async def test_the_processor_has_returned_before_the_push_does(
    sync: Sync, processors: Processors
) -> None:
    """C01: async and plain functions alike."""
    ran: list[Any] = []

    @processors.process(SONGS)
    async def on_the_loop(song: Song) -> None:
        await asyncio.sleep(0)
        ran.append(song.file)

    @processors.process(SONGS, name="plain")
    def on_a_thread(song: Song) -> None:
        assert threading.current_thread() is not threading.main_thread()
        ran.append(song.file)

    assert await sync.push(SONGS, Song("a.mp3")) == 1
    assert ran == ["a.mp3"]
    assert await sync.push(SONGS, Song("b.mp3"), name="plain") == 2
    assert await sync.push_many(SONGS, [Song("c.mp3"), Song("d.mp3")]) == [3, 4]
    assert ran == ["a.mp3", "b.mp3", "c.mp3", "d.mp3"]


def test_blocking_code_runs_a_push_to_its_end(sync: Sync, processors: Processors) -> None:
    """C01: asyncio.run is all that it takes, again and again."""
    ran: list[str] = []

    @processors.process(SONGS)
    async def run(song: Song) -> None:
        ran.append(song.file)

    for file in ("a.mp3", "b.mp3"):
        asyncio.run(sync.push(SONGS, Song(file)))
        assert ran[-1] == file


def test_a_handler_may_push_more_however_deep(sync: Sync, processors: Processors) -> None:
    """C01: every thread waits for the next one's push, and none runs out."""
    ran: list[int] = []

    @processors.process("countdown")
    def count(number: int) -> None:
        if number:
            asyncio.run(sync.push("countdown", number - 1))
        ran.append(number)

    asyncio.run(sync.push("countdown", 20))
    assert ran == list(range(21))


async def test_the_handlers_error_is_the_pushers(sync: Sync, processors: Processors) -> None:
    """C04: the same exception, once: no retry, and nothing is kept."""
    error = ValueError("bad sound")
    ran: list[int] = []

    @processors.process(SONGS, retries=3, backoff=fixed(0))
    async def run(job: Job[Song]) -> None:
        ran.append(job.attempt)
        assert job.max_attempts == 1
        raise error

    with pytest.raises(ValueError, match="bad sound") as caught:
        await sync.push(SONGS, Song("a.mp3"))
    assert caught.value is error
    assert ran == [1]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, RecursionError])
async def test_not_even_an_exit_ends_the_loop(
    sync: Sync, processors: Processors, kind: type[BaseException]
) -> None:
    """C04: whatever it is, the pusher can catch it."""

    @processors.process("plain")
    async def run(payload: Any) -> None:
        raise kind("stop")

    with pytest.raises(kind, match="stop"):
        await sync.push("plain", 1)


async def test_an_attempt_that_takes_too_long_is_ended(sync: Sync, processors: Processors) -> None:
    ended = asyncio.Event()

    @processors.process("plain", timeout="1h")
    async def run(payload: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError, match="it took longer than 20ms"):
        await sync.push("plain", 1, timeout="20ms")
    assert ended.is_set()


async def test_a_pusher_that_is_cancelled_cancels_the_handler(
    sync: Sync, processors: Processors
) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    @processors.process("plain")
    async def run(payload: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    pushing = asyncio.create_task(sync.push("plain", 1))
    await soon(started.wait())
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing
    assert ended.is_set()


async def test_a_job_that_nobody_processes_is_an_error(sync: Sync, processors: Processors) -> None:
    @processors.process("songs", name="known")
    async def run(payload: Any) -> None: ...

    with pytest.raises(RegistrationError, match=r"push to songs, name \(none\): Sync runs jobs at"):
        await sync.push("songs", 1)
    with pytest.raises(RegistrationError, match=r"Worker\(sync, include="):
        await Sync(env=False).push("songs", 1)


async def test_several_workers_of_one_application_share_the_driver(sync: Sync) -> None:
    ran: list[str] = []
    mails = Processors()

    @mails.process("mails")
    async def send(payload: str) -> None:
        ran.append(payload)

    Worker(sync, include=[mails], queues=["mails"])
    await sync.push("mails", "a")
    assert ran == ["a"]


async def test_a_worker_that_is_run_has_nothing_to_do(processors: Processors) -> None:
    """C22: the command that works off a queue in production idles here."""
    ran: list[Any] = []

    @processors.process("plain")
    async def run(payload: Any) -> None:
        ran.append(payload)

    sync = Sync(env=False)
    worker = Worker(sync, include=[processors])
    running = asyncio.create_task(worker.run())
    await sync.push("plain", 1)
    worker.stop()
    await soon(running)
    assert ran == [1]
