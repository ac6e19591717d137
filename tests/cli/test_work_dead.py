"""`pgqueue work` and `pgqueue processors` with processors of dead letters."""

from __future__ import annotations

import signal

import pytest

from tests.cli.commands import Shell

SHOP = """
from pgqueue import Abort, Postgres, Processors, Queue, Worker

ORDERS = Queue("orders", int, dead_letter="orders.failed")
processors = Processors()

@processors.process(ORDERS)
async def ship(order: int) -> None:
    raise Abort("sold out")

@processors.process(ORDERS.dead, attempts=2)
async def apologise(order: int) -> None: ...

worker = Worker(Postgres(), include=[processors])
"""


@pytest.mark.parametrize("listed", ["orders,orders.failed", "orders.dead, orders"])
def test_a_list_of_queues_may_have_dead_addresses(shell: Shell, listed: str) -> None:
    """L6: by either name, with the meaning that order has for queues."""
    shell.write("shop.py", SHOP)
    shell.run("push", "orders", "1")
    with shell.running("work", "shop:worker", "--queue", listed) as worker:
        worker.until("started with 2 processors")
        worker.until("(orders) is dead after attempt 1, aborted: Abort: sold out")
        worker.until("(orders.failed) attempt 1: handled")
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0


def test_without_the_address_in_the_list_the_dead_wait(shell: Shell) -> None:
    """L4, C10: only what is listed is served."""
    shell.write("shop.py", SHOP)
    shell.run("push", "orders", "1")
    with shell.running("work", "shop:worker", "--queue", "orders", "--stop-when-empty") as worker:
        worker.until("stopped: nothing left")
        assert worker.end() == 0
    assert not any("orders.failed" in line for line in worker.lines)
    (letter,) = shell.run("dead", "list", "--json").objects
    assert (letter["queue"], letter["handled_at"]) == ("orders", None)


def test_nobody_pushes_to_a_dead_address(shell: Shell) -> None:
    """L6: a usage error, which says what the name means."""
    ended = shell.run("push", "orders.dead", "1")
    assert (ended.code, ended.out) == (2, "")
    assert "names that end in .dead are addresses of dead letters" in ended.error


def test_a_worker_that_keeps_no_dead_letters_has_no_processor_of_them(shell: Shell) -> None:
    """L9, C34: it does not start, and says which setting contradicts which processor."""
    shell.write("shop.py", SHOP)
    ended = shell.run("work", "shop:worker", PGQUEUE_DEAD_LETTERS="none")
    assert ended.code != 0
    assert "shop.apologise processes the dead letters of orders" in ended.err
    assert "PGQUEUE_DEAD_LETTERS" in ended.err


def test_the_processors_are_listed_under_the_names_of_their_addresses(shell: Shell) -> None:
    """D09: the renamed address stands beside its queue."""
    shell.write("shop.py", SHOP)
    rows = shell.run("processors", "shop:worker", "--json").objects
    assert [(row["queue"], row["attempts"]) for row in rows] == [
        ("orders", 5),
        ("orders.failed", 2),
    ]
