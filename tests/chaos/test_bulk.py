"""Operations on many rows, of every kind, all at once and in any order: they never deadlock."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg

from pgqueue.drivers.postgres.claims import PROMOTE
from pgqueue.drivers.postgres.settle import BURY, COMPLETE, RELEASE, RETRY, SNOOZE
from pgqueue.drivers.postgres.source import EXTEND
from pgqueue.drivers.postgres.statement import Statement, run
from tests.chaos.test_migrate import LOCKS
from tests.drivers.store import claim, insert
from tests.worker.running import Connection, one

THREADS = 8
ROUNDS = 500
FAILURE = '{"error": "it failed", "traceback": ""}'

Operation = Callable[[Connection, random.Random, "Held"], object]


class Held:
    """The leases that a worker was ever given: its outcomes are for these, lost ones as well."""

    def __init__(self) -> None:
        self._leases: list[tuple[int, int]] = []

    def add(self, leases: list[tuple[int, int]]) -> None:
        """Take new ones down."""
        self._leases = (self._leases + leases)[-300:]

    def some(self, rng: random.Random) -> dict[str, Any]:
        """Any of them, each job once, in the order of their ids; as parameters of a statement."""
        leases = dict(sorted(rng.sample(self._leases, min(len(self._leases), 40))))
        length = len(leases)
        return {
            "ids": list(leases),
            "tokens": list(leases.values()),
            "delays": [timedelta()] * length,
            "failures": [FAILURE] * length,
            "notes": [None] * length,
            "reasons": ["exhausted"] * length,
            "uncounted": [0] * length,
            "lease": timedelta(seconds=1),
        }


def settling(statement: Statement[Any]) -> Operation:
    return lambda conn, rng, held: run(conn, statement, held.some(rng))


def said(sql: str) -> Operation:
    return lambda conn, rng, held: conn.execute(sql.encode())


def claiming(conn: Connection, rng: random.Random, held: Held) -> None:
    token = rng.getrandbits(62)
    found = claim(conn, {"audio": 40}, token=token, lease=timedelta(seconds=rng.choice([0, 60])))
    held.add([(delivery.id, token) for delivery in found])


OPERATIONS: dict[str, Operation] = {
    "push": lambda conn, rng, held: insert(conn, "audio", 20),
    "claim": claiming,
    "complete": settling(COMPLETE),
    "retry": settling(RETRY),
    "snooze": settling(SNOOZE),
    "release": settling(RELEASE),
    "bury": settling(BURY),
    "extend": settling(EXTEND),
    "promote": lambda conn, rng, held: run(conn, PROMOTE, {"limit": 50}),
    "redrive": said("""select pgqueue.redrive_many(queue => 'audio', max => 50)"""),
    "discard": said("""select pgqueue.discard_many(queue => 'audio', max => 5)"""),
}


def work(dsn: str, seed: int) -> list[str]:
    """Do operations in one connection, in an order of its own; return the deadlocks."""
    rng, held, found = random.Random(seed), Held(), []
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("set deadlock_timeout = '10ms'")
        # Rows are met in the order of their ids by the one plan, of their place by the other.
        for kind in ("bitmapscan", "indexscan") if seed % 2 else ("bitmapscan", "seqscan"):
            conn.execute(f"set enable_{kind} = off")
        for _ in range(ROUNDS):
            name = rng.choice(list(OPERATIONS))
            try:
                OPERATIONS[name](conn, rng, held)
            except psycopg.errors.DeadlockDetected as error:
                found.append(f"{name}: {error}")
    return found


def test_every_operation_with_every_other(dsn: str, conn: Connection) -> None:
    """M30, M33: also outcomes of lost leases, and also when half of them read whole tables."""
    insert(conn, "audio", 300)
    with ThreadPoolExecutor(THREADS) as threads:
        works = [threads.submit(work, dsn, seed) for seed in range(THREADS)]
    assert [one for each in works for one in each.result()] == []
    assert one(conn, LOCKS) == 0
