"""No tool loses a job or makes two of it, whoever is killed: a stateful search for a way to do so.

Complements `test_one_place`, whose steps are those of workers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pgqueue import Postgres
from pgqueue.drivers.postgres.settle import BURY
from pgqueue.drivers.postgres.statement import run
from pgqueue.errors import PgqueueError
from tests.drivers.store import Connection, claim, places, promote

Act = Callable[[Connection], Any]
pick = st.integers(0, 9)
killed = st.sampled_from([False, False, True])


class Lives(RuleBasedStateMachine):
    """Jobs that are pushed, die and are worked on as dead letters, by connections that may die."""

    dsn: str
    watch: Connection

    @initialize()
    def begin(self) -> None:
        """Start with a few jobs, some of them dead."""
        self.watch.execute(
            "truncate pgqueue.jobs, pgqueue.scheduled_jobs, pgqueue.dead_jobs restart identity"
        )
        self.pg = Postgres(self.dsn)
        self.where: dict[int, str] = {}
        self.redrives: dict[int, int] = {}
        self.token = 0
        self._push(False, 5)
        self._die(False)

    def act(self, what: Act, *, killed: bool) -> Any:
        """Do something in a transaction; None if its connection was killed before the commit."""
        with psycopg.connect(self.dsn, autocommit=False) as actor:
            result = what(actor)
            if killed:
                self.watch.execute("select pg_terminate_backend(%s)", (actor.info.backend_pid,))
                with pytest.raises(psycopg.OperationalError):
                    actor.commit()
                return None
            actor.commit()
        return result

    def of(self, table: str) -> list[int]:
        return sorted(job for job, place in self.where.items() if place == table)

    def one_dead(self, pick: int) -> int:
        dead = self.of("dead_jobs")
        return dead[pick % len(dead)]

    @rule(killed=killed, number=st.integers(1, 3))
    def push(self, killed: bool, number: int) -> None:
        """Push some jobs."""
        self._push(killed, number)

    def _push(self, killed: bool, number: int) -> None:
        ids = self.act(
            lambda conn: [
                row[0]
                for row in conn.execute(
                    "select pgqueue.push('audio', '1') from generate_series(1, %s)", (number,)
                )
            ],
            killed=killed,
        )
        for job in ids or ():
            self.where[job], self.redrives[job] = "jobs", 0

    @rule(killed=killed)
    def die(self, killed: bool) -> None:
        """Claim what is ready, and bury it, as a worker does."""
        self._die(killed)

    def _die(self, killed: bool) -> None:
        self.token += 1

        def bury(conn: Connection) -> list[int]:
            ids = sorted(one.id for one in claim(conn, {"audio": 2, "slow": 2}, token=self.token))
            told = {"tokens": [self.token] * len(ids), "failures": ['{"error": "x"}'] * len(ids)}
            told |= {"reasons": ["exhausted"] * len(ids), "uncounted": [0] * len(ids)}
            return run(conn, BURY, told | {"ids": ids})

        for job in self.act(bury, killed=killed) or ():
            self.where[job] = "dead_jobs"

    @precondition(lambda self: self.of("dead_jobs"))
    @rule(killed=killed, pick=pick, delay=st.sampled_from([None, "1h"]))
    def redrive(self, killed: bool, pick: int, delay: str | None) -> None:
        """Redrive one that is dead and one that is not."""
        job = self.one_dead(pick)
        report = self.act(
            lambda conn: self.pg.dead.redrive([job, 10**9], on=conn, delay=delay), killed=killed
        )
        if report is not None:
            assert (report.done, report.unknown, report.held) == ((job,), (10**9,), ())
            self._revived([job], "scheduled_jobs" if delay else "jobs")

    @rule(killed=killed, limit=st.integers(0, 3), to_queue=st.sampled_from([None, "slow"]))
    def redrive_some(self, killed: bool, limit: int, to_queue: str | None) -> None:
        """Redrive by a filter."""
        expected = self.of("dead_jobs")[:limit]
        number = self.act(
            lambda conn: self.pg.dead.redrive(
                reason="exhausted", on=conn, limit=limit, to_queue=to_queue
            ),
            killed=killed,
        )
        if number is not None:
            assert number == len(expected)
            self._revived(expected, "jobs")

    @rule(killed=killed, limit=st.integers(0, 2))
    def flush(self, killed: bool, limit: int) -> None:
        """Delete the oldest ids."""
        expected = self.of("dead_jobs")[:limit]
        flushed = self.act(
            lambda conn: self.pg.dead.flush(on=conn, all=True, limit=limit), killed=killed
        )
        if flushed is not None:
            assert flushed == len(expected)
            self._gone(expected)

    @precondition(lambda self: self.of("dead_jobs"))
    @rule(killed=killed, pick=pick)
    def discard(self, killed: bool, pick: int) -> None:
        """Delete one."""
        job = self.one_dead(pick)
        if self.act(lambda conn: self.pg.dead.discard(job, on=conn), killed=killed):
            self._gone([job])

    @rule(killed=killed)
    def handle(self, killed: bool) -> None:
        """Finish with the dead letters as their processor does: they stay."""
        query = "update pgqueue.dead_jobs set handled_at = now() where handled_at is null"
        self.act(lambda conn: conn.execute(query), killed=killed)

    @rule(killed=killed)
    def promote(self, killed: bool) -> None:
        """Let what waits become due."""

        def due(conn: Connection) -> bool:
            conn.execute("update pgqueue.scheduled_jobs set run_at = now()")
            return bool(promote(conn))

        if self.act(due, killed=killed):
            for job in self.of("scheduled_jobs"):
                self.where[job] = "jobs"

    @rule(bad=st.sampled_from(["a b", "x" * 49]))
    def fail(self, bad: str) -> None:
        """Redrive to where the database refuses: whoever bypasses our own checks loses nothing."""
        with psycopg.connect(self.dsn) as actor, pytest.raises((psycopg.Error, PgqueueError)):
            actor.execute(
                "select pgqueue.revive(array(select id from pgqueue.dead_jobs), null, %s)"
                if self.of("dead_jobs")
                else "select 1 / length(repeat(%s, 0))",
                (bad,),
            )

    @invariant()
    def each_is_in_exactly_one_place(self) -> None:
        """What has committed is what happened."""
        if not hasattr(self, "where"):
            return
        found = places(self.watch)
        assert {job: tables for job, tables in found.items() if len(tables) != 1} == {}
        assert {job: tables[0] for job, tables in found.items()} == self.where
        rows = self.watch.execute(
            "select id, redrives from pgqueue.jobs union all select id, redrives from"
            " pgqueue.scheduled_jobs union all select id, redrives from pgqueue.dead_jobs"
        )
        assert dict(rows.fetchall()) == self.redrives

    def _revived(self, jobs: list[int], place: str) -> None:
        for job in jobs:
            self.where[job] = place
            self.redrives[job] += 1

    def _gone(self, jobs: list[int]) -> None:
        for job in jobs:
            del self.where[job], self.redrives[job]


def test_no_order_of_steps_and_kills_loses_a_job_or_makes_two_of_it(
    dsn: str, conn: Connection
) -> None:
    """K09, C30, C35, P1: at every commit, over push, claim, death, redrive, discard and flush."""

    class Here(Lives):
        pass

    Here.dsn, Here.watch = dsn, conn
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
