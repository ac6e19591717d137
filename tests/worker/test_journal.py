"""What a worker logs: who works on what, one line for each attempt, and never a payload."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from typing import Any

import pytest

from pgqueue import Abort, Job, Postgres, Processors, Snooze, Worker, fixed
from pgqueue.worker import journal
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, census, drained, eventually, running, soon

FIELDS = ("queue", "job_id", "attempt", "outcome", "processor")


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pgqueue")


def lines(caplog: pytest.LogCaptureFixture, level: str) -> list[tuple[object, ...]]:
    """Return the structured fields of the job lines of a level."""
    return [
        tuple(getattr(record, field) for field in FIELDS)
        for record in caplog.records
        if record.name == "pgqueue.queue" and record.levelname == level
    ]


async def test_the_boot_lines_name_every_processor(
    pg: Postgres, processors: Processors, caplog: pytest.LogCaptureFixture
) -> None:
    """A21: label, queue, name, concurrency and retries of each, and how many there are."""

    @processors.process("audio", name="fast", concurrency=3, retries=7)
    async def fast(payload: int) -> None: ...

    @processors.process("video")
    async def slow(payload: int) -> None: ...

    async with running(Worker(pg, include=[processors], concurrency=4)):
        await eventually(lambda: "started with" in caplog.text, True)
    told = [record.getMessage() for record in caplog.records if record.name == "pgqueue.worker"]
    label = f"{__name__}.test_the_boot_lines_name_every_processor.<locals>"
    assert told[:2] == [
        f"processor {label}.fast: queue audio, name fast, concurrency 3, retries 7",
        f"processor {label}.slow: queue video, name (any), concurrency 4, retries 4",
    ]
    loop = os.environ.get("PGQUEUE_TEST_LOOP", "asyncio")
    assert told[2].endswith(f"started with 2 processors, concurrency 4, on {loop}")


async def test_each_attempt_has_exactly_one_info_line(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A22, C17: whatever its outcome, with the queue that served it and structured fields."""

    @processors.process("good")
    async def good(payload: str) -> None: ...

    @processors.process("bad", retries=1, backoff=fixed("20ms"))
    async def bad(payload: str) -> None:
        raise ValueError("the cause")

    @processors.process("ugly")
    async def ugly(payload: int) -> None:
        raise Abort

    pg.push("good", "canary", on=conn)
    pg.push("bad", "canary", on=conn)
    pg.push("ugly", "canary", on=conn)
    async with running(Worker(pg, include=[processors], queues=["ugly", "bad", "good"])):
        await eventually(lambda: census(conn), {"dead": 2})
    here = f"{__name__}.test_each_attempt_has_exactly_one_info_line.<locals>."
    assert sorted(lines(caplog, "INFO"), key=str) == [
        ("bad", 2, 1, "retry", f"{here}bad"),
        ("bad", 2, 2, "exhausted", f"{here}bad"),
        ("good", 1, 1, "done", f"{here}good"),
        ("ugly", 3, 1, "rejected", f"{here}ugly"),
    ]
    elapsed = [one.__dict__["elapsed_ms"] for one in caplog.records if hasattr(one, "elapsed_ms")]
    assert len(elapsed) == 4 + 3
    assert all(0 <= one < 5000 for one in elapsed)
    assert "canary" not in caplog.text


async def test_a_failure_adds_a_warning_with_the_next_run_or_an_error_with_the_reason(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A22: both carry the cause, and the fields."""

    @processors.process("bad", retries=1, backoff=fixed("20ms"))
    async def bad(payload: str) -> None:
        raise ValueError("the cause")

    pg.push("bad", "canary", on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    told = [
        record.getMessage()
        for record in caplog.records
        if record.name == "pgqueue.queue" and record.levelno > logging.INFO
    ]
    assert told == [
        "job 1 (bad) attempt 1 failed and runs again in 20ms: ValueError: the cause",
        "job 1 (bad) is dead after attempt 2, exhausted: ValueError: the cause",
    ]
    assert [line[:4] for line in lines(caplog, "WARNING")] == [("bad", 1, 1, "retry")]
    assert [line[:4] for line in lines(caplog, "ERROR")] == [("bad", 1, 2, "exhausted")]


@pytest.mark.usefixtures("listening")
async def test_polling_and_snoozing_say_nothing_above_their_one_line(
    dsn: str, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A22: dozens of polls later there are the boot lines, one line for each attempt, the end."""
    polled = asyncio.Event()
    again = 0

    @processors.process("audio")
    async def run(payload: int) -> None:
        nonlocal again
        again += 1
        if again == 3:
            return polled.set()
        raise Snooze("300ms")

    pg = Postgres(dsn, **(QUICK | {"poll_interval": "10ms"}))
    pg.push("audio", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await soon(polled.wait())
        await drained(conn)
    worker = [one.getMessage() for one in caplog.records if one.name == "pgqueue.worker"]
    assert len(worker) == 4, worker
    assert [line[3] for line in lines(caplog, "INFO")] == ["released", "released", "done"]
    assert {one.name for one in caplog.records} == {"pgqueue.worker", "pgqueue.queue"}


async def test_the_start_of_an_attempt_is_told_only_at_debug(
    pg: Postgres, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A22: who wants to see it asks for it."""
    caplog.set_level(logging.DEBUG, "pgqueue.queue")

    @processors.process("audio", name="fast")
    async def run(payload: int) -> None: ...

    pg.push("audio", 1, on=conn, name="fast")
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    debug = [one.getMessage() for one in caplog.records if one.levelno == logging.DEBUG]
    assert debug == ["job 1 (audio/fast) started"]


@pytest.mark.parametrize(
    ("level", "lines_", "words"),
    [("INFO", 3, {1: 1, 2: 2}), ("WARNING", 1, {2: 2}), ("ERROR", 1, {2: 2}), ("CRITICAL", 0, {})],
)
async def test_what_nobody_listens_to_is_not_put_into_words(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    level: str,
    lines_: int,
    words: dict[int, int],
) -> None:
    """A22: an attempt whose line would go nowhere costs no more than the look at the level."""
    put: Counter[int] = Counter()
    address = journal.address

    def counted(job: Any) -> str:
        put[job.id] += 1
        return address(job)

    @processors.process("good")
    async def good(payload: int) -> None: ...

    @processors.process("bad", attempts=1)
    async def bad(payload: int) -> None:
        raise ValueError("the cause")

    caplog.set_level(level, "pgqueue.queue")
    monkeypatch.setattr(journal, "address", counted)
    pg.push("good", 1, on=conn)
    pg.push("bad", 2, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    told = [one for one in caplog.records if one.name == "pgqueue.queue"]
    assert (len(told), put) == (lines_, words)


async def test_every_line_about_a_job_says_whose_it_is(
    dsn: str, processors: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A22: queue, id and attempt are fields of each record, whatever it tells."""
    caplog.set_level(logging.DEBUG, "pgqueue.queue")

    @processors.process("audio", name="known", attempts=1)
    async def run(payload: int) -> None:
        raise ValueError("the cause")

    @processors.process("after")
    async def after(job: Job[int]) -> None:
        async with job.transaction():
            pass
        raise ValueError("too late")

    pg = Postgres(dsn, **QUICK)
    pg.push("audio", 1, on=conn, name="known")
    pg.push("audio", 2, on=conn, name="strange")
    pg.push("after", 3, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"scheduled": 1, "dead": 1})
    told = [one for one in caplog.records if one.name == "pgqueue.queue"]
    assert {one.levelname for one in told} == {"DEBUG", "INFO", "WARNING", "ERROR"}
    for one in told:
        assert {"queue", "job_id", "attempt"} <= one.__dict__.keys(), one.getMessage()
