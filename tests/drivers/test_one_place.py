"""A job is in exactly one place at every commit, whatever happens, and whoever is killed."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgqueue.drivers.postgres.settle import BURY, COMPLETE, RELEASE, RETRY, SNOOZE
from pgqueue.drivers.postgres.statement import Statement, run
from tests.drivers.store import Connection, claim, lapse, places, promote

FAILURE = '{"error": "x"}'
STEPS = (
    "push", "push_later", "claim", "lapse", "complete", "retry", "snooze", "release", "bury",
    "promote", "redrive",
)  # fmt: skip
SETTLEMENTS: dict[str, Statement[int]] = {
    "complete": COMPLETE,
    "retry": RETRY,
    "snooze": SNOOZE,
    "release": RELEASE,
    "bury": BURY,
}


class Model:
    """What must be true of the jobs, kept beside the database."""

    def __init__(self, dsn: str, watch: Connection) -> None:
        self.dsn = dsn
        self.watch = watch
        self.live: set[int] = set()
        self.held: dict[int, int] = {}
        self.tokens = 0

    def step(self, kind: str, *, killed: bool, pick: random.Random) -> None:
        """Take one step in a transaction; a killed one is cut off before its commit."""
        actor = psycopg.connect(self.dsn)
        try:
            commit = self._act(actor, kind, pick)
            if killed:
                self.watch.execute("select pg_terminate_backend(%s)", (actor.info.backend_pid,))
            try:
                actor.commit()
            except psycopg.OperationalError:
                assert killed
            else:
                assert not killed
                commit()
        finally:
            actor.close()
        self.check()

    def check(self) -> None:
        """Every live job is in exactly one table, and no other is in any."""
        found = places(self.watch)
        assert all(len(tables) == 1 for tables in found.values()), found
        assert set(found) == self.live

    def _act(self, actor: Connection, kind: str, pick: random.Random) -> Any:
        if kind.startswith("push"):
            delay = "1 h" if kind == "push_later" else "0"
            query = "select pgqueue.push('audio', '1', delay => %s)"
            [(job,)] = actor.execute(query, (delay,)).fetchall()
            return lambda: self.live.add(job)
        if kind == "claim":
            return self._claim(actor)
        if kind in SETTLEMENTS:
            return self._settle(actor, kind, pick)
        if kind == "lapse":
            lapse(actor, *self.held)
        elif kind == "promote":
            actor.execute("update pgqueue.scheduled_jobs set run_at = now()")
            promote(actor)
        elif kind == "redrive":
            actor.execute("select pgqueue.redrive(id) from pgqueue.dead_jobs")
        return lambda: None

    def _claim(self, actor: Connection) -> Any:
        self.tokens += 1
        claimed = claim(actor, {"audio": 2}, token=self.tokens)
        return lambda: self.held.update({one.id: one.token for one in claimed})

    def _settle(self, actor: Connection, kind: str, pick: random.Random) -> Any:
        if not self.held:
            return lambda: None
        job = pick.choice(sorted(self.held))
        parameters = {
            "ids": [job],
            "tokens": [self.held[job]],
            "delays": [timedelta(hours=1)],
            "notes": [None],
            "failures": [FAILURE],
            "reasons": ["exhausted"],
            "uncounted": [0],
        }
        written = run(actor, SETTLEMENTS[kind], parameters)
        if written and kind == "complete":
            return lambda: self.live.discard(job)
        return lambda: None


@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.booleans()), min_size=5, max_size=30),
    seed=st.integers(0, 1000),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_live_job_is_in_exactly_one_table_at_every_commit(
    dsn: str, conn: Connection, steps: list[tuple[str, bool]], seed: int
) -> None:
    """K09: also when the acting connection is killed before its commit."""
    conn.execute("truncate pgqueue.jobs, pgqueue.scheduled_jobs, pgqueue.dead_jobs")
    model, pick = Model(dsn, conn), random.Random(seed)
    for kind, killed in (("push", False), ("claim", False), *steps):
        model.step(kind, killed=killed, pick=pick)
