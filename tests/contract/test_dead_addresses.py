"""The address of a queue's dead letters: what it is called, and who may use the name."""

from __future__ import annotations

from typing import Any

import pytest

from pgqueue import (
    ConfigError,
    Job,
    Memory,
    Postgres,
    Processors,
    Queue,
    Redrive,
    RegistrationError,
    Sync,
    Worker,
)
from pgqueue.processor import reachable

ORDERS = Queue("orders", int)
RENAMED = Queue("orders", int, dead_letter="orders.failed")


def take(order: int) -> None: ...


def take_job(job: Job[Any]) -> None: ...


def names(*processors: Processors) -> dict[str, str]:
    """Return what every queue is known as, by what the storage calls it."""
    return {one.queue: one.known_as for one in reachable(processors).values()}


def test_a_queue_has_an_address_for_its_dead_letters() -> None:
    """D09: orders.dead unless it was renamed; the storage's name for it stays the same."""
    assert (ORDERS.dead.name, ORDERS.dead.type, ORDERS.dead.queue) == ("orders.dead", int, "orders")
    assert (RENAMED.dead.name, RENAMED.dead.queue) == ("orders.failed", "orders")
    assert ORDERS.dead.address == RENAMED.dead.address == "orders.dead"
    assert Queue("x" * 48).dead.address == f"{'x' * 48}.dead"


@pytest.mark.parametrize("queue", [ORDERS.dead, "orders.dead", RENAMED.dead])
def test_it_takes_a_processor_like_a_queue(queue: Any) -> None:
    """D10: by the queue's own .dead, or by its plain name."""
    processors = Processors()
    processors.process(queue, name="big", attempts=3, concurrency=2)(take)
    [one] = reachable([processors]).values()
    assert (one.queue, one.dead_of, one.name) == ("orders.dead", "orders", "big")
    assert (one.policy.attempts, one.concurrency) == (3, 2)


@pytest.mark.parametrize("how", ["queue", "process", "subscribe", "dead"])
def test_its_name_may_be_declared_on_either_side(how: str) -> None:
    """D07, D09: with the queue, by one of its processors or a subscriber of a topic."""
    processors = Processors()
    processors.process("orders.dead" if how != "dead" else RENAMED.dead)(take)
    if how == "queue":
        processors.process(RENAMED)(take)
    elif how == "process":
        processors.process(ORDERS, dead_letter="orders.failed")(take)
    elif how == "subscribe":
        processors.subscribe("sold", queue="orders", dead_letter="orders.failed")(take)
    assert names(processors)["orders.dead"] == "orders.failed"


def test_two_subscribers_of_a_topic_may_name_their_dead_letters_differently() -> None:
    """D07, L7: each copy dies in its own queue."""
    processors = Processors()
    for queue in ("index", "mail"):
        processors.subscribe("sold", queue=queue, dead_letter=f"{queue}.failed")(take)
        processors.process(f"{queue}.dead")(take_job)
    assert names(processors) == {
        "index": "index",
        "mail": "mail",
        "index.dead": "index.failed",
        "mail.dead": "mail.failed",
    }


def test_two_names_for_the_dead_letters_of_one_queue_are_refused() -> None:
    """D09: the error has both names and both processors."""
    processors = Processors()
    processors.process(ORDERS, name="a", dead_letter="orders.failed")(take)
    processors.process(ORDERS, name="b", dead_letter="orders.lost")(take_job)
    with pytest.raises(RegistrationError, match=r"orders\.failed by .*take.*orders\.lost by .*job"):
        reachable([processors])
    with pytest.raises(RegistrationError, match=r"dead_letter is a\.lost.*own is orders\.failed"):
        processors.process(RENAMED, dead_letter="a.lost")


def test_one_name_for_the_dead_letters_of_two_queues_is_refused() -> None:
    """D09: nobody could tell them apart in a list of queues."""
    processors = Processors()
    for queue in ("orders", "mail"):
        processors.process(queue, dead_letter="failed")(take)
    with pytest.raises(RegistrationError, match=r"failed names .*orders.*mail"):
        reachable([processors])


def test_a_queue_may_not_take_a_reserved_name() -> None:
    """L6: neither what ends in .dead, nor what an included queue calls its dead letters."""
    with pytest.raises(ValueError, match=r"end in \.dead are addresses"):
        Queue("orders.dead")
    processors, others = Processors(), Processors()
    processors.process(RENAMED)(take)
    others.process("orders.failed")(take)
    with pytest.raises(RegistrationError, match=r"gives that name to the dead letters of orders"):
        reachable([processors, others])
    assert names(others) == {"orders.failed": "orders.failed"}


@pytest.mark.parametrize("name", ["other.dead", "orders", "two words", "", "x" * 49])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    """D27, L6: in the queue's declaration, and in the processor's."""
    with pytest.raises(ValueError, match=r"name|dead_letter"):
        Queue("orders", int, dead_letter=name)
    with pytest.raises(ValueError, match=r"name|dead_letter"):
        Processors().process(ORDERS, dead_letter=name)


@pytest.mark.parametrize("driver", [Memory, Sync, Postgres])
async def test_nobody_pushes_to_it(driver: Any) -> None:
    """L6: only dying jobs go there; PostgreSQL is not asked."""
    settings = {"dsn": "host=nowhere"} if driver is Postgres else {}
    address: Any = ORDERS.dead
    async with driver(env=False, **settings) as producer:
        with pytest.raises(ValueError, match=r"dead letters of orders.*push to orders"):
            await producer.push(address, 1)
        with pytest.raises(ValueError, match="addresses of dead letters"):
            await producer.push("orders.dead", 1)
        with pytest.raises(ValueError, match="addresses of dead letters"):
            await producer.push_json("orders.dead", 1)


def test_a_redrive_goes_to_a_queue() -> None:
    """L6, L2: not to another dead address."""
    assert (Redrive(queue=ORDERS).queue, Redrive(delay=90).delay) == (
        "orders",
        Redrive(delay="90s").delay,
    )
    assert Redrive(delay=0) == Redrive()
    with pytest.raises(ValueError, match="addresses of dead letters"):
        Redrive(queue="orders.dead")


def test_options_that_mean_nothing_are_refused() -> None:
    """L2, L3: a letter is parked, not dead again; a job's success is not its death."""
    processors = Processors()
    wrong: dict[str, Any] = {"dead_success": "retry"}
    with pytest.raises(ConfigError, match="dead letters have no dead letters"):
        processors.process(ORDERS.dead, dead_letter="worse")
    with pytest.raises(ConfigError, match="for processors of dead letters"):
        processors.process(ORDERS, dead_success="discard")
    with pytest.raises(ConfigError, match="give keep or discard"):
        processors.process(ORDERS.dead, **wrong)
    with pytest.raises(ConfigError, match="leave out transactional"):
        processors.process(ORDERS.dead, dead_success="discard", transactional=True)


@pytest.mark.parametrize(
    "settings", [{"dead_letters": "none"}, {"queues": {"orders": {"dead_letters": "none"}}}]
)
async def test_a_queue_that_keeps_no_dead_letters_takes_no_processor_of_them(
    settings: dict[str, Any],
) -> None:
    """L9, C34: boot fails, naming the processor and the setting."""
    processors = Processors()
    processors.process(ORDERS.dead)(take)
    worker = Worker(Memory(env=False, **settings), include=[processors])
    with pytest.raises(RegistrationError, match=r"take processes the dead letters of orders.*none"):
        await worker.run()


async def test_a_worker_serves_queues_and_their_dead_letters_in_the_order_asked_for() -> None:
    """L6: by the name that people use, or by the storage's; a name twice is one."""
    processors = Processors()
    processors.process(RENAMED)(take)
    processors.process(RENAMED.dead)(take)
    asked = ["orders.failed", "orders", "orders.dead"]
    worker = Worker(Memory(env=False), include=[processors], queues=asked)
    await worker.configure()
    assert worker._queues == ["orders.dead", "orders"]
    unknown = Worker(Memory(env=False), include=[processors], queues=["mail.dead"])
    with pytest.raises(RegistrationError, match=r"queue mail\.dead; known: orders, orders\.failed"):
        await unknown.configure()
