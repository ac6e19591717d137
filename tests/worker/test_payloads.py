"""What handlers receive: typed payloads, their own copy, and never an unreadable one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from pgqueue import Job, Postgres, Processors, Queue, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


@dataclass(frozen=True)
class Transcode:
    file: str
    rate: int = 44100


class Struct(msgspec.Struct):
    file: str


class Typed(TypedDict):
    file: str


class Model(pydantic.BaseModel):
    file: str
    rate: int = pydantic.Field(default=1, ge=1)


PAYLOADS: list[tuple[Any, Any]] = [
    (Transcode, Transcode("a.mp3")),
    (Struct, Struct("a.mp3")),
    (Typed, Typed(file="a.mp3")),
    (Model, Model(file="a.mp3")),
    (dict[str, int], {"n": 1}),
    (list[Transcode], [Transcode("a.mp3")]),
    (int, 7),
    (str, "ünïcode"),
    (float, 0.5),
    (bool, True),
    (None, None),
]


@pytest.mark.parametrize("takes_job", [False, True])
@pytest.mark.parametrize(("kind", "payload"), PAYLOADS, ids=lambda value: str(value)[:30])
async def test_a_handler_receives_the_type_that_its_queue_carries(
    pg: Postgres, processors: Processors, conn: Connection, kind: Any, payload: Any, takes_job: bool
) -> None:
    """A11, E05: dataclass, Struct, TypedDict, model, dict, scalar: as pushed, without a base."""
    queue = Queue("audio", kind)
    seen: asyncio.Queue[Any] = asyncio.Queue()

    @processors.process(queue)
    async def run(argument: Any) -> None:
        seen.put_nowait(argument)

    others = Processors()

    @others.process(queue)
    async def run_job(job: Job[Any]) -> None:
        seen.put_nowait(job.payload)

    pg.push(queue, payload, on=conn)
    async with running(Worker(pg, include=[others if takes_job else processors])):
        received = await soon(seen.get())
    assert (received, type(received)) == (payload, type(payload))


async def test_a_job_tells_the_handler_about_its_attempt(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """E05: id, queue, name, payload, attempt, bounds, push time and trace context."""
    seen: asyncio.Queue[Job[Transcode]] = asyncio.Queue()

    @processors.process(Queue("audio", Transcode), name="fast", attempts=3)
    async def run(job: Job[Transcode]) -> None:
        seen.put_nowait(job)

    context = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    queue = Queue("audio", Transcode)
    pushed = pg.push(queue, Transcode("a.mp3"), on=conn, name="fast", carrier=context)
    async with running(Worker(pg, include=[processors])):
        job = await soon(seen.get())
    assert (job.id, job.queue, job.name) == (pushed, "audio", "fast")
    assert (job.payload, job.attempt, job.max_attempts) == (Transcode("a.mp3"), 1, 3)
    assert abs(job.pushed_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert job.carrier == context


BAD = [
    (Transcode, {"file": 5}, "$.file"),
    (Transcode, {"rate": 5}, "file"),
    (Model, {"file": "a.mp3", "rate": 0}, "rate"),
    (Typed, [], "object"),
    (int, "five", "int"),
]


@pytest.mark.parametrize(("kind", "stored", "field"), BAD)
async def test_a_payload_of_the_wrong_type_is_dead_and_never_runs(
    pg: Postgres, processors: Processors, conn: Connection, kind: Any, stored: Any, field: str
) -> None:
    """A12: rejected at once, no attempt spent; the error names queue, type and field."""

    @processors.process(Queue("audio", kind))
    async def run(argument: Any) -> None:
        raise AssertionError("it cannot be read")

    pg.push("audio", stored, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    reason, attempt, error, payload = one(
        conn,
        "select reason, attempt, failures -> 0 ->> 'error', envelope -> 'payload'"
        " from pgqueue.dead_jobs",
    )
    assert (reason, attempt, payload) == ("rejected", 0, stored)
    assert "audio" in error
    assert kind.__name__ in error
    assert field in error


async def test_an_unknown_field_of_a_newer_producer_does_no_harm(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """A13: the older worker runs the job with what it knows."""
    seen: asyncio.Queue[Transcode] = asyncio.Queue()

    @processors.process(Queue("audio", Transcode))
    async def run(payload: Transcode) -> None:
        seen.put_nowait(payload)

    pg.push("audio", {"file": "a.mp3", "rate": 1, "added": {"later": True}}, on=conn)
    async with running(Worker(pg, include=[processors])):
        assert await soon(seen.get()) == Transcode("a.mp3", 1)


async def test_every_attempt_has_its_own_copy_of_the_payload(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """B38: what a failing handler did to it is neither retried nor kept."""
    seen: list[Any] = []

    @processors.process("audio", retries=1)
    async def run(payload: dict[str, list[int]]) -> None:
        seen.append(json.loads(json.dumps(payload)))
        payload["list"].append(4)
        raise ValueError

    pg.push("audio", {"list": [1, 2, 3]}, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert seen == [{"list": [1, 2, 3]}] * 2
    assert one(conn, "select envelope -> 'payload' from pgqueue.dead_jobs") == {"list": [1, 2, 3]}


HOSTILE = {
    "nested 5,000 deep": '{"v": 1, "payload": ' + "[" * 5000 + "]" * 5000 + "}",
    "a number of 5,000 digits": '{"v": 1, "payload": {"n": ' + "9" * 5000 + "}}",
    "a version of 5,000 digits": '{"v": ' + "9" * 5000 + ', "payload": 1}',
    "a version that is a fraction": '{"v": 1.5, "payload": 1}',
    "a version that is too new": '{"v": 2, "payload": 1}',
}


@pytest.mark.parametrize("envelope", HOSTILE.values(), ids=HOSTILE.keys())
async def test_one_unreadable_row_poisons_only_itself(
    pg: Postgres, processors: Processors, conn: Connection, envelope: str
) -> None:
    """P7, P11, B07, M55: among nine good rows of one claim, it alone is rejected."""
    ran: list[int] = []

    @processors.process("audio")
    async def run(payload: int) -> None:
        ran.append(payload)

    pg.push_many("audio", range(5), on=conn)
    bad = one(
        conn,
        "insert into pgqueue.jobs (queue, envelope) values ('audio', %s::jsonb) returning id",
        envelope,
    )
    pg.push_many("audio", range(5, 9), on=conn)
    async with running(Worker(pg, include=[processors], concurrency=20)):
        await drained(conn)
    assert sorted(ran) == list(range(9))
    query = "select id, reason, attempt, length(failures::text) < 9000 from pgqueue.dead_jobs"
    assert conn.execute(query.encode()).fetchall() == [(bad, "rejected", 0, True)]
