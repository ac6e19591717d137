"""A worker that stops by itself, and lets what runs finish."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from pgqueue import ConfigError, Postgres, Processors, Worker
from pgqueue.worker.until import Until
from tests.worker.running import Connection, census, soon

EMPTY = Until(empty=True)


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    """Listen to what the worker says at INFO."""
    caplog.set_level(logging.INFO, "pgqueue.worker")


async def test_it_stops_when_nothing_is_claimable(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """C40, E09: delayed jobs do not hold it, failed ones that wait neither; the reason is told."""
    ran: list[int] = []

    @processors.process("audio", backoff=lambda _: timedelta(hours=1))
    async def play(payload: int) -> None:
        ran.append(payload)
        await asyncio.sleep(0)
        if payload == 3:
            raise ValueError(payload)

    pg.push_many("audio", range(5), on=conn)
    pg.push("audio", 9, on=conn, delay="1h")
    await soon(Worker(pg, include=[processors], concurrency=2).run(EMPTY))
    assert sorted(ran) == [0, 1, 2, 3, 4]
    assert census(conn) == {"scheduled": 2}
    assert "stopped: nothing left" in caplog.text


async def test_it_waits_for_delayed_jobs_if_it_is_told_to(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """E09: with the flag, a job that waits for its time is waited for."""
    ran: list[int] = []

    @processors.process("audio", backoff=lambda _: timedelta(milliseconds=50))
    async def play(payload: int) -> None:
        ran.append(payload)
        if len(ran) == 1:
            raise ValueError(payload)

    pg.push("audio", 1, on=conn)
    pg.push("audio", 2, on=conn, delay="200ms")
    await soon(Worker(pg, include=[processors]).run(Until(empty=True, delayed=True)))
    assert sorted(ran) == [1, 1, 2]
    assert census(conn) == {}


async def test_a_full_queue_is_not_an_empty_one(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """C40, E09: a claim beside a running attempt, or past a full queue, proves nothing."""
    ran: list[str] = []

    @processors.process("audio", concurrency=1)
    async def play(payload: str) -> None:
        ran.append(payload)
        if len(ran) < 30:
            await pg.push("video", payload)

    @processors.process("video", concurrency=1)
    async def show(payload: str) -> None:
        ran.append(payload)

    pg.push_many("audio", map(str, range(40)), on=conn)
    await soon(Worker(pg, include=[processors]).run(EMPTY))
    assert census(conn) == {}


async def test_an_empty_queue_stops_it_at_once(pg: Postgres, processors: Processors) -> None:
    @processors.process("audio")
    async def play(payload: int) -> None: ...

    await soon(Worker(pg, include=[processors]).run(EMPTY))


async def test_it_claims_no_more_jobs_than_it_may(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """C40: with more room than that, the others are not even claimed."""
    ran: list[int] = []

    @processors.process("audio")
    async def play(payload: int) -> None:
        ran.append(payload)

    pg.push_many("audio", range(20), on=conn)
    await soon(Worker(pg, include=[processors], concurrency=10).run(Until(jobs=3)))
    assert ran == [0, 1, 2]
    assert census(conn) == {"ready": 17}
    assert "stopped: 3 jobs claimed" in caplog.text


async def test_what_runs_may_finish_however_long_the_grace(
    dsn: str, processors: Processors, conn: Connection
) -> None:
    """C40: a worker that ends by itself is waited for by nobody."""
    pg = Postgres(dsn, shutdown_timeout="0s")
    ran: list[str] = []

    @processors.process("audio")
    async def play(payload: int) -> None:
        await asyncio.sleep(0.3)
        ran.append("to the end")

    pg.push("audio", 1, on=conn)
    await soon(Worker(pg, include=[processors]).run(Until(jobs=1)))
    assert ran == ["to the end"]
    assert census(conn) == {}


@pytest.mark.parametrize(
    ("until", "reason"),
    [
        (Until(time=timedelta(milliseconds=50)), "time is up"),
        (Until(memory=1), "memory used up"),
    ],
    ids=["time", "memory"],
)
async def test_time_and_memory_end_it(
    pg: Postgres,
    processors: Processors,
    until: Until,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """C40: each with its reason in the log."""

    @processors.process("audio")
    async def play(payload: int) -> None: ...

    await soon(Worker(pg, include=[processors]).run(until))
    assert f"stopped: {reason}" in caplog.text


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"memory": 0}, {"time": timedelta()}])
def test_what_could_never_run_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Until(**wrong)  # type: ignore[arg-type]
