"""One application, one set of processors, and whichever driver the environment names."""

from __future__ import annotations

import asyncio

import pytest

import pgqueue
from pgqueue import ConfigError, Postgres, Processors, Queue, Worker, fixed
from pgqueue.policy import Policy
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, drained, eventually, one, running, soon

SONGS = Queue("songs", str)


@pytest.mark.parametrize("name", ["postgres", "memory", "sync"])
async def test_the_same_application_runs_on_each_driver(
    name: str, dsn: str, processors: Processors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B32, C05, C22: only a variable changes; neither processors nor pushes know."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    @processors.process(SONGS)
    async def sing(song: str) -> None:
        heard.put_nowait(song)

    @processors.process("mail")
    def send(letter: str) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, letter)

    loop = asyncio.get_running_loop()
    for setting, value in {"DRIVER": name, "DSN": dsn, "QUEUE": "mail"}.items():
        monkeypatch.setenv(f"PGQUEUE_{setting}", value)
    async with pgqueue.driver() as jobs, running(Worker(jobs, include=[processors])):
        await jobs.push(SONGS, "a song")
        assert await soon(heard.get()) == "a song"
        await jobs.push(jobs.queue, "a letter")
        assert await soon(heard.get()) == "a letter"


def test_a_push_without_a_queue_of_its_own_goes_to_the_connections_default(
    dsn: str, conn: Connection
) -> None:
    """C06: `default`, or what the connection says."""
    for pg in (Postgres(dsn, env=False), Postgres(dsn, default_queue="mail")):
        pg.push(pg.queue, 1, on=conn)
    assert (
        one(conn, "select string_agg(queue, ' ' order by id) from pgqueue.jobs") == "default mail"
    )


@pytest.mark.parametrize("name", ["postgres", "memory", "sync"])
async def test_a_strict_producer_pushes_to_declared_queues_only(
    name: str, dsn: str, conn: Connection
) -> None:
    """E02: a misspelt queue is an error that names the others; else it is a queue."""
    queues: dict[str, Policy] = {"mail": Policy(), "audio": Policy()}
    strict = pgqueue.driver(driver=name, dsn=dsn, queues=queues, strict_queues=True)
    with pytest.raises(ConfigError, match=r"push to mial: .*PGQUEUE_QUEUES\) has mail, audio"):
        await strict.push("mial", 1)
    with pytest.raises(ConfigError, match="push to mial"):
        await strict.push_many("mial", [1])
    assert one(conn, "select count(*) from pgqueue.jobs") == 0
    if name != "sync":
        await strict.push("mail", 1)
        await pgqueue.driver(driver=name, dsn=dsn, queues=queues).push("mial", 1)
    await strict.close()


async def test_a_queues_own_policy_counts_after_the_processors_and_before_all_queues(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """E02: declared with defaults, by the same words that a processor has."""
    runs: list[str] = []

    @processors.process("mail", name="own", attempts=1)
    @processors.process("mail")
    @processors.process("audio")
    async def fail(job: pgqueue.Job[int]) -> None:
        runs.append(f"{job.queue} {job.name} {job.max_attempts}")
        raise ValueError

    queues = {"mail": Policy(attempts=2, backoff=fixed("1ms"))}
    pg = Postgres(dsn, **QUICK | {"queues": queues, "attempts": 3, "backoff": "fixed(1ms)"})
    pg.push("mail", 1, on=conn)
    pg.push("mail", 1, on=conn, name="own")
    pg.push("mail", 1, on=conn, attempts=1, name="pushed")
    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
        await eventually(lambda: one(conn, "select count(*) from pgqueue.dead_jobs"), 4)
    assert sorted(runs) == sorted(
        ["mail None 2"] * 2 + ["mail own 1", "mail pushed 1"] + ["audio None 3"] * 3
    )
