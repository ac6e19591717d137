"""Topics over real queues: each subscriber its own copy, and nothing lost while there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from pgqueue import (
    Job,
    PayloadError,
    Postgres,
    Processors,
    Topic,
    UnsupportedOption,
    Worker,
    fixed,
)
from tests.worker.running import Connection, census, drained, eventually, one, running, soon


@dataclass(frozen=True)
class UserCreated:
    id: int


USER_CREATED = Topic("user.created", UserCreated)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

COPIES = "select id, queue, name, envelope from pgqueue.jobs order by queue"
SUBSCRIPTIONS = "select topic, queue from pgqueue.subscriptions order by topic, queue"


@pytest.fixture
async def elsewhere(dsn: str) -> AsyncIterator[Postgres]:
    """A producer that has no subscribers in its process."""
    async with Postgres(dsn) as driver:
        yield driver


async def started(conn: Connection, *pairs: tuple[str, str]) -> None:
    """Wait until the workers have registered these subscriptions."""
    await eventually(lambda: conn.execute(SUBSCRIPTIONS).fetchall(), sorted(pairs))


async def test_a_subscriber_receives_what_is_published_elsewhere(
    pg: Postgres, elsewhere: Postgres, conn: Connection, processors: Processors
) -> None:
    """D01, D02, D05: publisher and subscriber share the database and the topic."""
    seen = asyncio.Queue[Job[UserCreated]]()

    @processors.subscribe(USER_CREATED, queue="mails")
    async def welcome(job: Job[UserCreated]) -> None:
        await seen.put(job)

    async with running(Worker(pg, include=[processors])):
        await started(conn, ("user.created", "mails"))
        carrier = {"traceparent": TRACE, "baggage": "tenant=7"}
        ids = await elsewhere.publish(USER_CREATED, UserCreated(7), carrier=carrier)
        job = await soon(seen.get())
    assert [job.id] == ids
    assert (job.topic, job.queue, job.payload) == ("user.created", "mails", UserCreated(7))
    assert job.carrier == carrier


async def test_each_subscriber_handles_a_message_once_whatever_its_replicas(
    pg: Postgres, elsewhere: Postgres, conn: Connection
) -> None:
    """D03, A03: two subscribers with three replicas each."""
    handled: list[tuple[str, int]] = []
    workers = []
    for queue in ("mails", "audit") * 3:
        processors = Processors()

        def handler(event: UserCreated, queue: str = queue) -> None:
            handled.append((queue, event.id))

        processors.subscribe(USER_CREATED, queue=queue)(handler)
        workers.append(Worker(pg, include=[processors]))
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())
        await started(conn, ("user.created", "mails"), ("user.created", "audit"))
        for number in range(20):
            assert len(await elsewhere.publish(USER_CREATED, UserCreated(number))) == 2
        await drained(conn)
        for worker in workers:
            worker.stop()
    assert sorted(handled) == sorted((q, n) for q in ("mails", "audit") for n in range(20))


async def test_the_copies_fail_and_die_separately_each_by_its_own_policy(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """D03, D07: own attempts, failures and dead rows."""

    @processors.subscribe(USER_CREATED, queue="mails", attempts=3, backoff=fixed("10ms"))
    async def welcome(event: UserCreated) -> None:
        raise ValueError("no mail server")

    @processors.subscribe(USER_CREATED, queue="audit", attempts=1)
    def audit(event: UserCreated) -> None:
        raise OSError("no disk")

    @processors.subscribe(USER_CREATED, queue="search")
    async def index(event: UserCreated) -> None: ...

    worker = Worker(pg, include=[processors])
    await pg.publish(USER_CREATED, UserCreated(1))
    async with running(worker):
        await drained(conn)
    rows = conn.execute(
        "select queue, name, attempt, failures -> -1 ->> 'error' from pgqueue.dead_jobs"
        " order by queue"
    )
    assert rows.fetchall() == [
        ("audit", "user.created", 1, "OSError: no disk"),
        ("mails", "user.created", 3, "ValueError: no mail server"),
    ]


async def test_a_redriven_copy_goes_back_to_its_subscriber_alone(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """D03, D12: the topic survives death and redrive."""
    seen = asyncio.Queue[tuple[str, str | None]]()
    broken = True

    @processors.subscribe(USER_CREATED, queue="mails", attempts=1)
    async def welcome(job: Job[UserCreated]) -> None:
        if broken:
            raise ValueError("not yet")
        await seen.put((job.queue, job.topic))

    @processors.subscribe(USER_CREATED, queue="audit")
    async def audit(job: Job[UserCreated]) -> None:
        await seen.put((job.queue, job.topic))

    worker = Worker(pg, include=[processors])
    await pg.publish(USER_CREATED, UserCreated(1))
    async with running(worker):
        assert await soon(seen.get()) == ("audit", "user.created")
        await eventually(lambda: census(conn), {"dead": 1})
        broken = False
        conn.execute("select pgqueue.redrive(id) from pgqueue.dead_jobs")
        assert await soon(seen.get()) == ("mails", "user.created")
        await drained(conn)
    assert seen.empty()


async def test_a_message_without_subscribers_waits_on_the_queue_of_its_topic(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """D04: it is not lost, and a processor on that queue takes it."""
    ids = await pg.publish(USER_CREATED, UserCreated(1))
    assert conn.execute(COPIES).fetchall() == [
        (ids[0], "user.created", "user.created", {"v": 1, "payload": {"id": 1}})
    ]
    seen = asyncio.Queue[UserCreated]()

    @processors.process(USER_CREATED.queue)
    async def late(event: UserCreated) -> None:
        await seen.put(event)

    async with running(Worker(pg, include=[processors])):
        assert await soon(seen.get()) == UserCreated(1)


async def test_a_first_subscriber_on_the_topics_own_queue_takes_what_waits(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """D04: a late subscriber may have the earlier messages, if it wants them."""
    await pg.publish(USER_CREATED, UserCreated(1))
    seen = asyncio.Queue[tuple[str | None, int]]()

    @processors.subscribe(USER_CREATED, queue="user.created")
    async def late(job: Job[UserCreated]) -> None:
        await seen.put((job.topic, job.payload.id))

    async with running(Worker(pg, include=[processors])):
        await started(conn, ("user.created", "user.created"))
        assert len(await pg.publish(USER_CREATED, UserCreated(2))) == 1
        found = [await soon(seen.get()), await soon(seen.get())]
    assert found == [("user.created", 1), ("user.created", 2)]


async def test_a_worker_of_other_queues_registers_every_included_subscriber(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """C19: whichever part of a deployment starts first, no message passes a subscriber by."""

    @processors.process("other")
    async def other(payload: Any) -> None: ...

    @processors.subscribe(USER_CREATED, queue="mails", aliases=["user.made"])
    async def welcome(event: UserCreated) -> None: ...

    async with running(Worker(pg, include=[processors], queues=["other"])):
        await started(conn, ("user.created", "mails"))


@pytest.mark.parametrize("how", ["roll back", "commit"])
def test_a_message_exists_if_its_transaction_commits(
    pg: Postgres, conn: Connection, processors: Processors, how: str
) -> None:
    """D26, K01: on a blocking connection, which colours the call."""
    processors.subscribe(USER_CREATED, queue="mails")(lambda event: None)
    processors.subscribe(USER_CREATED, queue="audit")(lambda event: None)
    pg.include(processors)
    with conn.transaction(force_rollback=how == "roll back"):
        ids = pg.publish(USER_CREATED, UserCreated(1), on=conn)
        assert len(ids) == 2
    found = one(conn, "select coalesce(array_agg(id order by id), '{}') from pgqueue.jobs")
    assert found == (ids if how == "commit" else [])


async def test_a_job_publishes_in_the_transaction_that_completes_it(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """D26, A15: a handler that raises has published nothing."""

    @processors.process("signups", attempts=2, backoff=fixed("10ms"), transactional=True)
    async def sign_up(job: Job[Any]) -> None:
        async with job.connection() as own:
            await pg.publish(USER_CREATED, UserCreated(job.attempt), on=own)
        if job.attempt == 1:
            raise ValueError("after publishing")

    await pg.push("signups", None)
    async with running(Worker(pg, include=[processors], queues=["signups"])):
        await eventually(lambda: census(conn), {"ready": 1})
        payload = "select envelope -> 'payload' from pgqueue.jobs where queue = 'user.created'"
        await eventually(lambda: one(conn, payload), {"id": 2})


async def test_rows_and_included_subscribers_are_not_told_twice(
    pg: Postgres, conn: Connection, processors: Processors
) -> None:
    """D03: one copy a queue, whoever knows of it."""
    processors.subscribe(USER_CREATED, queue="mails")(lambda event: None)
    pg.include(processors)
    conn.execute("select pgqueue.subscribe('user.created', 'mails')")
    conn.execute("select pgqueue.subscribe('user.created', 'audit')")
    ids = await pg.publish(USER_CREATED, UserCreated(1), delay="1h", priority=1)
    rows = conn.execute("select id, queue, priority from pgqueue.scheduled_jobs order by queue")
    assert rows.fetchall() == [(ids[0], "audit", 1), (ids[1], "mails", 1)]


@pytest.mark.parametrize("topic", ["", "a b", "x.dead"])
async def test_an_empty_or_impossible_topic_raises(pg: Postgres, topic: str) -> None:
    """D01, D27: before anything reaches the database."""
    with pytest.raises(ValueError, match="name"):
        pg.publish(topic, {})


def test_what_push_refuses_is_refused_here_too(pg: Postgres, conn: psycopg.Connection[Any]) -> None:
    """B09, A14, A16: the same edge, also for copies."""
    with pytest.raises(TypeError, match="carries UserCreated, not str"):
        pg.publish(USER_CREATED, "someone", on=conn)  # type: ignore[misc]
    with pytest.raises(PayloadError, match="already sealed"):
        pg.publish("user.created", {"v": 1, "payload": 1}, on=conn)
    with pytest.raises(UnsupportedOption, match="leave out name"):
        pg.publish(USER_CREATED, UserCreated(1), on=conn, name="x")
    with pytest.raises(UnsupportedOption, match="dealy"):
        pg.publish(USER_CREATED, UserCreated(1), on=conn, dealy=1)  # type: ignore[call-overload]
    assert census(conn) == {}
