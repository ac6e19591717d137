"""What the tests of dead letters share: an order, whose processor lets it die."""

from __future__ import annotations

from dataclasses import dataclass

from pgqueue import Abort, Processors, Queue
from tests.worker.running import Connection, eventually, one


@dataclass(frozen=True)
class Order:
    """A payload."""

    number: int


ORDERS = Queue("orders", Order)
LETTER = "select reason, handled_at is not null, parked_at is not null from pgqueue.dead_jobs"
ATTEMPTS = "select attempt, dead_attempt from pgqueue.dead_jobs"
HANDLED = ("aborted", True, False)
PARKED = ("aborted", False, True)


def dying(processors: Processors) -> None:
    """Register a processor of orders that lets every one of them die."""

    @processors.process(ORDERS)
    def refuse(order: Order) -> None:
        raise Abort(f"order {order.number} cannot be filled")


async def until(conn: Connection, state: tuple[object, ...]) -> None:
    """Wait until the only dead letter is in a state."""
    await eventually(lambda: one(conn, LETTER), state)
