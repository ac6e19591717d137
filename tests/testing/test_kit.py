"""The kit for tests of applications: what it shows, moves and runs, on the real worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from pgqueue import Abort, Job, Processors, Queue, Snooze, Topic, Worker, fixed
from pgqueue.outcome import Done
from pgqueue.pushed import Ids
from pgqueue.testing.kit import Drained, Kit, inline


@dataclass(frozen=True)
class Mail:
    to: str


MAIL = Queue("mail", Mail)


@pytest.fixture
def pgq(dsn: str) -> Iterator[Kit]:
    kit = Kit(dsn)
    yield kit
    kit.close()


def push(pgq: Kit, *names: str, **options: Any) -> Ids:
    return pgq.driver.push_many(MAIL, [Mail(name) for name in names], on=pgq.conn, **options)


async def test_draining_runs_all_that_is_due_and_what_that_pushes(
    pgq: Kit, processors: Processors
) -> None:
    """A15, A23: the summary says how the attempts ended."""
    ran: list[str] = []

    @processors.process(MAIL)
    def send(mail: Mail) -> None:
        ran.append(mail.to)
        if mail.to == "ada":
            push(pgq, "follow-up")

    push(pgq, "ada", "bob")
    push(pgq, "later", delay="1h")
    assert await pgq.drain(processors) == Drained(done=3)
    assert sorted(ran) == ["ada", "bob", "follow-up"]
    assert await pgq.drain(processors) == Drained()


async def test_the_summary_tells_every_outcome_apart(pgq: Kit, processors: Processors) -> None:
    """C24: and keeps the errors, which a worker only logs."""

    @processors.process(MAIL, backoff=fixed("1h"), condition=lambda mail: mail.to != "skip")
    async def send(mail: Mail) -> None:
        match mail.to:
            case "abort":
                raise Abort("wrong address")
            case "fail":
                raise ValueError("no server")
            case "snooze":
                raise Snooze("1h")

    push(pgq, "abort", "fail", "snooze", "skip", "fine")
    found = await pgq.drain(processors)
    errors = tuple(sorted(found.errors))
    assert (found.done, found.skipped, found.retried, found.released, found.dead) == (1,) * 5
    assert errors == ("Abort: wrong address", "ValueError: no server")


async def test_one_job_is_worked_at_a_time(pgq: Kit, processors: Processors) -> None:
    ran: list[Job[Mail]] = []
    processors.process(MAIL)(lambda mail: ran.append(mail))
    first, _ = push(pgq, "ada", "bob")
    ended = await pgq.work_one(processors)
    assert ended is not None
    assert (ended.job, ended.outcome) == (first, Done())
    assert pgq.pushed(MAIL) == [Mail("bob")]
    assert await pgq.work_one(processors) is not None
    assert await pgq.work_one(processors) is None
    assert len(ran) == 2


def test_what_was_pushed_is_shown_decoded_and_can_be_asked_for(pgq: Kit) -> None:
    """E06, E07: with what the push said about it."""
    push(pgq, "ada", name="welcome")
    push(pgq, "bob", "ada", delay="1h", priority=2, attempts=3, carrier={"baggage": "a=1"})
    assert pgq.pushed(MAIL) == [Mail("ada"), Mail("bob"), Mail("ada")]
    assert pgq.pushed(MAIL, Mail("ada"), name="welcome") == [Mail("ada")]
    assert pgq.pushed(MAIL, Mail("ada")) == [Mail("ada")] * 2
    assert pgq.pushed("mail") == [{"to": "ada"}, {"to": "bob"}, {"to": "ada"}]
    assert pgq.pushed("other") == []
    now, later, _ = pgq.jobs(MAIL)
    assert (now.name, now.due_in, now.attempt, now.max_attempts) == (
        "welcome", timedelta(), 0, None,
    )  # fmt: skip
    assert (later.priority, later.max_attempts, later.carrier) == (2, 3, {"baggage": "a=1"})
    assert timedelta(minutes=59) < later.due_in <= timedelta(hours=1)


async def test_rewinding_makes_what_waits_due_and_moves_no_clock(
    pgq: Kit, processors: Processors
) -> None:
    """A09: an hour of backoff passes at once."""
    attempts: list[int] = []

    @processors.process(MAIL, attempts=2, backoff=fixed("1h"))
    async def send(job: Job[Mail]) -> None:
        attempts.append(job.attempt)
        raise ValueError("no server")

    push(pgq, "ada", delay="5m")
    assert await pgq.drain(processors) == Drained()
    assert pgq.rewind("5m") == 1
    assert (await pgq.drain(processors)).retried == 1
    assert pgq.rewind(timedelta(minutes=59)) == 1
    assert await pgq.drain(processors) == Drained()
    pgq.rewind(60)
    assert (await pgq.drain(processors)).dead == 1
    assert attempts == [1, 2]
    [letter] = pgq.dead(MAIL)
    assert (letter.reason, letter.error) == ("exhausted", "ValueError: no server")
    assert pgq.dead("other") == []


async def test_rewinding_lapses_leases_and_expires_jobs(pgq: Kit, processors: Processors) -> None:
    """A26: as if a worker had died, and as if nobody had come in time."""
    seen: list[int] = []
    processors.process(MAIL, backoff=fixed("1s"))(lambda job: seen.append(1))
    push(pgq, "ada")
    pgq.conn.execute(
        "update pgqueue.jobs set lease = 7, attempt = 1, visible_at = now() + interval '1 min'"
    )
    assert await pgq.drain(processors) == Drained()
    pgq.rewind("1m")
    assert (await pgq.drain(processors)).done == 1
    push(pgq, "bob", expires_in="1h")
    pgq.rewind("1h")
    assert (await pgq.drain(processors)).dead == 1
    assert [one.reason for one in pgq.dead()] == ["expired"]
    assert seen == [1]


async def test_the_applications_worker_is_run_as_it_was_built(
    pgq: Kit, processors: Processors
) -> None:
    """A20: its middleware and its queues, on the test's database."""
    from pgqueue import Postgres

    order: list[str] = []

    async def around(job: Job[Any], call: Any) -> None:
        order.append("before")
        await call()

    told: list[object] = []
    processors.process(MAIL)(lambda mail: order.append("handler"))
    processors.process("other")(lambda payload: order.append("other"))
    elsewhere = Postgres("postgresql://nobody@127.0.0.1:1/nowhere")
    worker = Worker(
        elsewhere,
        include=[processors],
        queues=["mail"],
        middleware=[around],
        events=[told.append],
    )
    push(pgq, "ada")
    pgq.driver.push("other", 1, on=pgq.conn)
    assert await pgq.drain(worker) == Drained(done=1)
    assert order == ["before", "handler"]
    assert told
    assert pgq.pushed("other") == [1]


async def test_a_topics_subscribers_are_drained_with_their_copies(
    pgq: Kit, processors: Processors
) -> None:
    """D03: the queue of the kit is a queue like any other."""
    ran: list[str | None] = []
    created = Topic("user.created", int)
    for queue in ("mails", "audit"):

        @processors.subscribe(created, queue=queue)
        def handler(job: Job[int]) -> None:
            ran.append(job.topic)

    await pgq.drain(processors)
    pgq.driver.publish(created, 1, on=pgq.conn)
    assert await pgq.drain(processors) == Drained(done=2)
    assert ran == ["user.created"] * 2


def test_blocking_tests_run_the_coroutines_themselves(pgq: Kit, processors: Processors) -> None:
    processors.process(MAIL)(lambda mail: None)
    push(pgq, "ada")
    assert asyncio.run(pgq.drain(processors)).done == 1
    push(pgq, "bob")
    assert asyncio.run(pgq.drain(processors)).done == 1


async def test_inline_the_job_has_run_when_the_push_returns(processors: Processors) -> None:
    """C01, C04, C22: no database, and errors reach the pusher."""
    ran: list[Mail] = []

    @processors.process(MAIL)
    def send(mail: Mail) -> None:
        ran.append(mail)
        if mail.to == "nobody":
            raise ValueError("no address")

    driver = inline(processors)
    await driver.push(MAIL, Mail("ada"))
    with pytest.raises(ValueError, match="no address"):
        await driver.push(MAIL, Mail("nobody"))
    assert ran == [Mail("ada"), Mail("nobody")]


@pytest.mark.parametrize("app", [(), ("app:worker",), (Processors(), "x")])
async def test_what_is_no_application_is_refused(pgq: Kit, app: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="give the application's Worker"):
        await pgq.drain(*app)
