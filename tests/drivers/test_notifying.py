"""What ringing costs those who push: next to nothing while all workers are busy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Barrier
from time import monotonic

import psycopg

from pgqueue import Postgres

PRODUCERS, PUSHES, ROUNDS = 16, 60, 5


def test_sixteen_producers_push_nearly_as_fast_as_without_the_doorbell(dsn: str) -> None:
    """K13, M42: nobody sleeps, so hardly a push notifies, and none waits for another's commit."""
    start = Barrier(PRODUCERS + 1)
    with (
        psycopg.connect(dsn, autocommit=True) as listener,
        ThreadPoolExecutor(PRODUCERS) as producers,
    ):
        listener.execute("listen pgqueue")
        rates: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(ROUNDS):
            for notify, measured in rates.items():
                pushing = [
                    producers.submit(_push, dsn, notify, start.wait) for _ in range(PRODUCERS)
                ]
                start.wait()
                began = monotonic()
                for one in pushing:
                    one.result()
                measured.append(PRODUCERS * PUSHES / (monotonic() - began))
        heard = len(list(listener.notifies(timeout=0.5)))
    # Two peeks at the same moment see each other, and take the other one for a worker.
    assert heard <= ROUNDS * PRODUCERS * PUSHES / 4
    assert median(rates[True]) >= 0.5 * median(rates[False]), rates


def _push(dsn: str, notify: bool, ready: Callable[[], int]) -> None:
    pg = Postgres(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        ready()
        for number in range(PUSHES):
            pg.push("audio", number, on=conn, notify=notify)
