"""Topics and events without a database: the same calls, as far as one process goes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from pgqueue import Job, Memory, Processors, RegistrationError, Sync, Topic, Worker
from pgqueue.producer import Producer
from tests.worker.running import running, soon


@dataclass(frozen=True)
class UserCreated:
    topic: ClassVar[str] = "user.created"
    id: int


USER_CREATED = Topic("user.created", UserCreated)


class Minimal(Producer):
    """Has the one method that a driver has to have."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, Any, dict[str, Any]]] = []

    async def push_json(self, queue: str, payload: Any, /, **options: Any) -> int:
        self.pushed.append((queue, payload, options))
        return len(self.pushed)


def subscribed(processors: Processors, seen: asyncio.Queue[Any]) -> None:
    for queue in ("mails", "audit"):

        @processors.listen(UserCreated, queue=queue)
        async def handler(job: Job[UserCreated]) -> None:
            await seen.put((job.queue, job.topic, job.payload))


HEARD = {("mails", "user.created", UserCreated(1)), ("audit", "user.created", UserCreated(1))}


async def test_one_method_is_enough_for_topics(processors: Processors) -> None:
    """B12, D04: a copy for each included subscriber, and one on the topic's queue without any."""
    driver = Minimal()
    assert await driver.publish(USER_CREATED, UserCreated(1)) == [1]
    subscribed(processors, asyncio.Queue())
    driver.include(processors)
    assert await driver.publish(USER_CREATED, UserCreated(1), priority=2) == [2, 3]
    assert driver.pushed == [
        ("user.created", {"id": 1}, {"name": "user.created"}),
        ("audit", {"id": 1}, {"name": "user.created", "priority": 2}),
        ("mails", {"id": 1}, {"name": "user.created", "priority": 2}),
    ]


async def test_each_subscriber_in_memory_gets_its_copy(processors: Processors) -> None:
    """D03, B12: making the worker is enough."""
    seen = asyncio.Queue[Any]()
    subscribed(processors, seen)
    driver = Memory()
    worker = Worker(driver, include=[processors])
    await driver.publish(USER_CREATED, UserCreated(1))
    async with running(worker):
        assert {await soon(seen.get()), await soon(seen.get())} == HEARD


async def test_with_sync_every_subscriber_has_run_when_publish_returns(
    processors: Processors,
) -> None:
    """C01, C22, C08: an event too, after its inline listeners."""
    seen = asyncio.Queue[Any]()
    subscribed(processors, seen)
    driver = Sync()
    Worker(driver, include=[processors])

    @processors.listen(UserCreated)
    def inline(event: UserCreated) -> None:
        assert seen.empty()
        order.append(event)

    order: list[UserCreated] = []
    await driver.dispatch(UserCreated(1))
    assert order == [UserCreated(1)]
    assert {seen.get_nowait(), seen.get_nowait()} == HEARD


async def test_with_sync_nothing_can_wait_for_a_subscriber() -> None:
    """D04: so publishing without one says so, and does not lose the message silently."""
    driver = Sync()
    with pytest.raises(RegistrationError, match=r"user\.created"):
        await driver.publish(USER_CREATED, UserCreated(1))
