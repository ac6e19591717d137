"""What handlers raise and return in processes of their own comes back to the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pgqueue import Postgres, Worker
from tests.worker.apart import BROKEN, LATER, ORDERS, Order, processors
from tests.worker.running import Connection, census, eventually, one, running

LAST = "select reason, attempt, failures -> -1 ->> 'error' from pgqueue.dead_jobs"
TRACE = "select failures -> -1 ->> 'traceback' from pgqueue.dead_jobs"


@pytest.mark.parametrize(
    ("word", "outcome", "error"),
    [
        ("Abort", ("aborted", 1), "Abort: no such file"),
        ("Unsendable", ("exhausted", 2), "Unsendable: half, told"),
        ("Unprintable", ("exhausted", 2), "Unprintable (its message cannot be shown)"),
        ("group", ("exhausted", 2), "ExceptionGroup: several (2 sub-exceptions)"),
    ],
)
async def test_what_was_raised_travels_as_it_is_or_described(
    pg: Postgres, conn: Connection, word: str, outcome: tuple[str, int], error: str
) -> None:
    """A25: the verdict counts, and the letter says what and where, also of what cannot travel."""
    pg.push(ORDERS, Order(word), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert one(conn, LAST) == (*outcome, error)
    assert "tests/worker/apart.py" in one(conn, TRACE)


@pytest.mark.parametrize(("word", "attempt"), [("Snooze", 0), ("RetryAfter", 1)])
async def test_a_verdict_keeps_its_delay_on_the_way(
    pg: Postgres, conn: Connection, word: str, attempt: int
) -> None:
    """B26: an hour is an hour."""
    pg.push(ORDERS, Order(word), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"scheduled": 1})
    found = one(
        conn,
        "select attempt, round(extract(epoch from run_at - now()) / 60)::int from"
        " pgqueue.scheduled_jobs",
    )
    assert found == (attempt, 60)


@pytest.mark.parametrize(
    "word",
    [
        *("SystemExit", "KeyboardInterrupt", "GeneratorExit", "RecursionError", "MemoryError"),
        *("StopIteration", "StopAsyncIteration", "CancelledError", "Bare", "large", "Hostile"),
    ],
)
@pytest.mark.parametrize("queue", [ORDERS, LATER])
async def test_any_exception_is_a_failure_of_one_attempt(
    pg: Postgres, conn: Connection, tmp_path: Path, word: str, queue: Any
) -> None:
    """A25, F3, M15, M59: by the budget, as elsewhere; its process and the worker go on."""
    file = tmp_path / "written"
    pg.push_many(queue, [Order(word), Order("write", str(file))], on=conn)
    async with running(Worker(pg, include=[processors], concurrency=1)):
        await eventually(lambda: census(conn), {"dead": 1})
        await eventually(file.exists, True)
    reason, attempt, error = one(conn, LAST)
    assert (reason, attempt) == ("exhausted", 2)
    assert error.startswith((word[:7], "ValueError: é", "Hos", "RuntimeError: "))
    assert len(error) < 17_000


async def test_dead_letters_may_be_processed_there_as_well(
    pg: Postgres, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """L1, B26: `fail_on` meets the very type, and the answer of its handler counts."""
    pg.push(BROKEN, Order("hopeless"), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {})
    assert "job 1 (broken) is dead after attempt 1, aborted: KeyError: 'hopeless'" in caplog.text
