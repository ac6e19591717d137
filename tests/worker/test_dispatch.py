"""One attempt goes through its stages in one order, and ends at the first that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, Queue, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running

ORDER = ["condition", "host", "enter", "run", "exit"]
DEAD = "select reason, attempt, failures -> 0 ->> 'error' from pgqueue.dead_jobs"
REFUSE = """
create function refuse() returns trigger language plpgsql as
$$ begin raise exception 'no row leaves this table'; end $$;
create trigger refuse before delete on pgqueue.jobs execute function refuse()"""


class Line:
    """The stages that an attempt has reached, and the one that fails."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.reached: list[str] = []

    def reach(self, stage: str) -> bool:
        self.reached.append(stage)
        if stage == self.fault:
            raise ValueError(f"a fault in {stage}")
        return True


class Studio:
    """The object whose method is the handler."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def record(self, payload: int) -> None:
        self.line.reach("run")


def worker(pg: Postgres, line: Line) -> Worker:
    """Make a worker with something to fail in every stage, and no attempt after the first."""
    processors = Processors()
    options: Any = {"retries": 0, "condition": lambda payload: line.reach("condition")}
    processors.process(Queue("audio", int), **options)(Studio.record)

    def resolve(kind: type[Any]) -> Any:
        line.reach("host")
        return kind(line)

    @asynccontextmanager
    async def surround(job: Job[Any]) -> AsyncIterator[None]:
        line.reach("enter")
        try:
            yield
        finally:
            line.reach("exit")

    return Worker(pg, include=[processors], resolver=resolve, context=[surround])


async def test_every_stage_is_reached_in_order(pg: Postgres, conn: Connection) -> None:
    """B23: condition, host, context, handler, context again; then the job is done."""
    line = Line()
    pg.push("audio", 1, on=conn)
    async with running(worker(pg, line)):
        await drained(conn)
    assert (line.reached, census(conn)) == (ORDER, {})


@pytest.mark.parametrize(
    ("envelope", "error"),
    [
        ('{"v": 99, "payload": 1}', "version 99"),
        ('{"v": 1, "payload": "no number"}', "Expected `int`"),
    ],
    ids=["unwrap", "decode"],
)
async def test_what_cannot_be_read_is_rejected_before_any_stage(
    pg: Postgres, conn: Connection, envelope: str, error: str
) -> None:
    """B23: the envelope and then the payload: dead at once, and no attempt is spent."""
    line = Line()
    insert = "insert into pgqueue.jobs (queue, envelope) values ('audio', %s)"
    conn.execute(insert, [envelope])
    async with running(worker(pg, line)):
        await eventually(lambda: census(conn), {"dead": 1})
    reason, attempt, told = one(conn, DEAD)
    assert (line.reached, reason, attempt) == ([], "rejected", 0)
    assert error in told


@pytest.mark.parametrize(
    ("stage", "reached"),
    [
        ("condition", ["condition"]),
        ("host", ["condition", "host"]),
        ("enter", ["condition", "host", "enter"]),
        ("run", ORDER),
        ("exit", ORDER),
    ],
)
async def test_a_fault_fails_the_attempt_and_no_later_stage_runs(
    pg: Postgres, conn: Connection, stage: str, reached: list[str]
) -> None:
    """B23: it counts as a failure of the attempt; only the exit of what was entered still runs."""
    line = Line(stage)
    pg.push("audio", 1, on=conn)
    async with running(worker(pg, line)):
        await eventually(lambda: census(conn), {"dead": 1})
    assert line.reached == reached
    assert one(conn, DEAD) == ("exhausted", 1, f"ValueError: a fault in {stage}")


async def test_an_outcome_that_the_database_refuses_leaves_the_job_to_its_lease(
    pg: Postgres, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """B23: it ran, and nothing is settled: an error says so, and the job is not lost."""
    line = Line()
    pg.push("audio", 1, on=conn)
    conn.execute(REFUSE)
    async with running(worker(pg, line)):
        refused = "job 1: its outcome could not be written"
        await eventually(lambda: refused in caplog.text, True)
        assert (line.reached, census(conn)) == (ORDER, {"leased": 1})
        assert "no row leaves this table" in caplog.text


@pytest.mark.parametrize("answer", [None, False, 0, "no", ValueError("returned"), object()])
async def test_what_a_handler_returns_does_not_matter(
    pg: Postgres, processors: Processors, conn: Connection, answer: object
) -> None:
    """D25: to return is to complete, be it an exception; to raise is to fail."""
    ran: list[str] = []

    @processors.process("loop")
    async def on_the_loop(payload: int) -> object:
        ran.append("loop")
        return answer

    @processors.process("thread")
    def on_a_thread(payload: int) -> object:
        ran.append("thread")
        return answer

    pg.push("loop", 1, on=conn)
    pg.push("thread", 1, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert (sorted(ran), census(conn)) == (["loop", "thread"], {})
