"""What one worker leases, statement by statement, on a connection that it is lent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import psycopg

from pgqueue.drivers.postgres.alarm import Alarm
from pgqueue.drivers.postgres.arrays import ints, texts
from pgqueue.drivers.postgres.deadclaims import DeadClaims, live, parts
from pgqueue.drivers.postgres.lanes import PRIORITIES, Lanes, Sweep
from pgqueue.drivers.postgres.recall import Recall, unanswered
from pgqueue.drivers.postgres.settle import leased
from pgqueue.drivers.postgres.statement import Row, Statement, load, run
from pgqueue.queue import dead_source
from pgqueue.seam import Claim, Delivery, Exchanged, Lease


def _claimed_or_missed(job: int, token: int | None, *columns: Any) -> Delivery | int:
    return job if token is None else Delivery(job, token, *columns)


CLAIM = load("claim", Delivery)
EXCHANGE = load("exchange", _claimed_or_missed)
RECALL = load("recall", Delivery)
PROMOTE = load("promote", lambda moved, next_in, _: (moved, next_in))

_PROMOTE_LIMIT = 500


class Claims:
    """Remembers how far each lane was read, what is due when, and which answers were lost."""

    def __init__(self, queues: Sequence[str], schema: str) -> None:
        self._claiming = CLAIM.within(schema)
        self._exchanging = EXCHANGE.within(schema)
        self._recalling = RECALL.within(schema)
        self._promoting = PROMOTE.within(schema)
        self._lanes = Lanes()
        self._sweep = Sweep()
        self._recall = Recall()
        self._dead = DeadClaims(queues, schema)
        self._alarm = Alarm()

    @property
    def delayed(self) -> bool:
        """Whether jobs of any queue wait for a time."""
        return self._alarm.pending or self._dead.alarm.pending

    def within(self, seconds: float) -> float:
        """Return how long to sleep: until the next thing is due, `seconds` at most."""
        seconds = self._dead.alarm.within(self._alarm.within(seconds))
        return self._sweep.within(self._recall.within(seconds))

    def check(self) -> None:
        """Ask at the next claim what is due: something may have been scheduled meanwhile."""
        self._alarm.check()

    def later(self, seconds: float, *, dead: bool) -> None:
        """Learn of a job, or of a dead letter, that is due in so many seconds."""
        (self._dead.alarm if dead else self._alarm).at_most(seconds)

    async def claim(
        self, conn: psycopg.AsyncConnection[Any], claim: Claim, *, rung: bool
    ) -> list[Delivery]:
        """Lease from the cursors what a bell rang for; without one, or if that is gone, look."""
        # It is there already: it need not wait until what has become due is promoted.
        at_once = rung and not self._recall.due
        found = await self._in_order(conn, claim, sweeping=False) if at_once else []
        if not found:
            found = await self._look(conn, claim)
        self._lanes.advance([one for one in found if one.dead is None])
        return found

    async def _look(self, conn: psycopg.AsyncConnection[Any], claim: Claim) -> list[Delivery]:
        """Promote what is due, then lease from the cursors, or from the lanes' starts if due."""
        if self._alarm.rings:
            await self._promote(conn)
        found: list[Delivery] = []
        if self._recall.due:
            found = await run(conn, self._recalling, self._recall.parameters(claim))
            self._recall.looked(found)
        # Instead of a claim, not after it: a busy worker's claims leave no room for one.
        sweeping = self._sweep.due
        if not found:
            found = await self._in_order(conn, claim, sweeping=sweeping)
        if not found and not sweeping and (self._sweep.cheap or claim.thorough):
            found = await self._in_order(conn, live(claim), sweeping=True)
        if not found:
            await self._dead.look(conn)
        return found

    def plain(self, rooms: Mapping[str, int]) -> bool:
        """Return whether an exchange would look where a claim does: no dead letters come first.

        Where some come later, only a claim sweeps the lanes behind them.
        """
        first = next(iter(rooms), None)
        if first is None or dead_source(first) is not None:
            return False
        return not (self._recall.due or (self._dead.served and self._sweep.due))

    async def exchange(
        self, conn: psycopg.AsyncConnection[Any], done: Sequence[Lease], claim: Claim
    ) -> Exchanged:
        """Complete jobs and lease others, those of the first queues that are no dead letters'."""
        if self._alarm.rings:
            await self._promote(conn)
        part = self._dead.before(claim)
        rows = await self._living(conn, self._exchanging, part, self._sweep.due, leased(done))
        found = [row for row in rows if not isinstance(row, int)]
        self._lanes.advance(found)
        missed = [row for row in rows if isinstance(row, int)]
        return Exchanged({one.job for one in done}.difference(missed), found)

    async def _in_order(
        self, conn: psycopg.AsyncConnection[Any], claim: Claim, *, sweeping: bool
    ) -> list[Delivery]:
        found: list[Delivery] = []
        for dead, rooms in parts(claim.rooms):
            part = replace(claim, rooms=rooms, limit=claim.limit - len(found))
            if part.limit <= 0:
                break
            try:
                found += await self._part(conn, part, dead=dead, sweeping=sweeping)
            except psycopg.Error:
                # Else these are leased, and run; what the rest met the next claim will say.
                if not found or conn.isolation_level is not None:
                    raise
                break
        return found

    async def _part(
        self, conn: psycopg.AsyncConnection[Any], part: Claim, *, dead: bool, sweeping: bool
    ) -> list[Delivery]:
        if dead:
            return await self._dead.claim(conn, part)
        return await self._living(conn, self._claiming, part, sweeping)

    async def _living(
        self,
        conn: psycopg.AsyncConnection[Any],
        statement: Statement[Row],
        part: Claim,
        sweeping: bool,
        more: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        if not sweeping:
            return await self._leasing(conn, statement, part, self._lanes.cursors(part.rooms), more)
        started = monotonic()
        cursors = [-1] * PRIORITIES * len(part.rooms)
        rows = await self._leasing(conn, statement, part, cursors, more)
        self._sweep.took(monotonic() - started)
        return rows

    async def _leasing(
        self,
        conn: psycopg.AsyncConnection[Any],
        statement: Statement[Row],
        claim: Claim,
        cursors: list[int],
        more: Mapping[str, Any] | None,
    ) -> list[Row]:
        parameters: dict[str, Any] = {
            "queues": texts(claim.rooms),
            "rooms": ints(claim.rooms.values()),
            "cursors": ints(cursors),
            "limit": claim.limit,
            "token": claim.token,
            "lease": claim.lease,
            "worker": claim.worker,
        }
        try:
            return await run(conn, statement, {**parameters, **(more or {})})
        except BaseException as error:
            if unanswered(error):
                self._recall.lost(claim, cursors)
            raise

    async def _promote(self, conn: psycopg.AsyncConnection[Any]) -> None:
        [(moved, next_in)] = await run(conn, self._promoting, {"limit": _PROMOTE_LIMIT})
        self._alarm.set(0.0 if moved == _PROMOTE_LIMIT else next_in)
