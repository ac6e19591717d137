"""The jobs of PostgreSQL as one worker sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any

import psycopg

from pgqueue.answer import Redrive
from pgqueue.config import Config
from pgqueue.drivers.postgres import chores, connect, schema
from pgqueue.drivers.postgres.claims import Claims
from pgqueue.drivers.postgres.deadline import patience
from pgqueue.drivers.postgres.doorbell import Doorbell
from pgqueue.drivers.postgres.effects import Effects
from pgqueue.drivers.postgres.ending import to_its_end
from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.line import Line
from pgqueue.drivers.postgres.lone import Lone
from pgqueue.drivers.postgres.pools import Pool
from pgqueue.drivers.postgres.recall import unanswered
from pgqueue.drivers.postgres.settle import leased, settle
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.outcome import Release, Retry
from pgqueue.scope import Scope
from pgqueue.seam import Claim, Delivery, Exchanged, Extend, Lease, Settlement, Swept

TAKEN = load("taken", int, kept=False)
EXTEND = load("extend", lambda job, prolonged: (job, prolonged), kept=False)
DEAD_EXTEND = load("dead_extend", lambda job, prolonged: (job, prolonged), kept=False)
SUBSCRIBE = load("subscribe", bool)
ECHO = load("echo", tuple)

# What expires too late would run; what is pruned late only takes room.
_TIDY_EVERY = 30.0
# claims, settlements, the sweep: each may be under way at once.
_CONTROL_CONNECTIONS = 3


class Source:
    """Claims, settles and extends on connections of its own; handlers have their own pool."""

    def __init__(self, config: Config, queues: Sequence[str], worker: str) -> None:
        application = f"pgqueue:worker:{worker}"
        self._config = config
        self._taken = TAKEN.within(config.schema)
        extending = {False: EXTEND, True: DEAD_EXTEND}
        self._extending = {dead: one.within(config.schema) for dead, one in extending.items()}
        self._conninfo = connect.conninfo(config, application)
        self._patience = patience(config)
        self._control = Pool(config, application, _CONTROL_CONNECTIONS, patience=self._patience)
        self._line = Line(self._control, patience=self._patience)
        self._effects = Effects(config, f"pgqueue:job:{worker}")
        self._doorbell = Doorbell(config, queues, application, self._echo)
        self._claims = Claims(queues, config.schema)
        self._keys = chores.Keys()
        self._tidied = float("-inf")
        self._rung = False
        self._unsure: set[Lease] = set()

    async def __aenter__(self) -> Source:
        """Connect within `connect_timeout`, and refuse a schema that this code does not know."""
        async with await connect.patiently(self._connection, self._config) as conn:
            await schema.check(conn, self._config.schema)
        async with AsyncExitStack() as opened:
            for part in (self._control, self._effects, self._doorbell):
                await part.open()
                opened.push_async_callback(part.close)
            opened.push_async_callback(self._line.close)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await to_its_end(self._opened.aclose())

    async def subscribe(self, pairs: Collection[tuple[str, str]]) -> None:
        """Keep subscriptions, each a topic and a queue, where every publisher finds them."""
        topics, queues = [topic for topic, _ in pairs], [queue for _, queue in pairs]
        statement = SUBSCRIBE.within(self._config.schema)
        with translated():
            async with self._control.connection() as conn:
                await run(conn, statement, {"topics": topics, "queues": queues})

    async def claim(self, claim: Claim) -> Sequence[Delivery]:
        """Lease from the cursors what a bell rang for; without one, or if that is gone, look."""
        rung, self._rung = self._rung, False
        with translated():
            async with self._line.connection() as conn:
                found = await self._claims.claim(conn, claim, rung=rung)
        if found:
            self._doorbell.awake()
        return found

    def exchanges(self, rooms: Mapping[str, int]) -> bool:
        """Return whether an exchange would find what a claim finds now."""
        return self._claims.plain(rooms)

    async def exchange(self, done: Sequence[Lease], claim: Claim) -> Exchanged:
        """Complete jobs and lease others from the cursors, in one statement."""
        with translated():
            async with self._line.connection() as conn:
                try:
                    exchanged = await self._claims.exchange(conn, done, claim)
                except BaseException as error:
                    if unanswered(error):
                        self._unsure.update(done)
                    raise
        if exchanged.found:
            self._doorbell.awake()
        return exchanged

    async def settle(self, settlements: Sequence[Settlement]) -> Collection[int]:
        """Write outcomes, one statement a kind; return the ids whose lease still held."""
        with translated():
            async with self._control.connection() as conn:
                written = await self._settle(conn, settlements)
        for lease, outcome in settlements:
            match outcome:
                case Retry(delay=delay) | Release(delay=timedelta() as delay) if lease.dead:
                    self._claims.later(delay.total_seconds(), dead=True)
                case Retry(delay=delay) | Redrive(delay=timedelta() as delay):
                    self._claims.later(delay.total_seconds(), dead=False)
        return written

    async def _settle(
        self, conn: psycopg.AsyncConnection[Any], settlements: Sequence[Settlement]
    ) -> set[int]:
        leases = {one.lease for one in settlements}
        written: set[int] = set()
        try:
            await settle(conn, settlements, self._config.schema, written=written)
        except BaseException as error:
            # What was written before the error will be tried again with the rest.
            unsure = unanswered(error)
            self._unsure |= {one for one in leases if unsure or one.job in written}
            raise
        # Written again they find no lease of theirs: if nobody has one, their own first time
        # has ended it.
        missed = [one for one in leases & self._unsure if one.job not in written]
        if missed:
            taken = await run(conn, self._taken, leased(missed))
            written |= {one.job for one in missed} - set(taken)
        self._unsure -= leases
        return written

    @contextmanager
    def extender(self) -> Iterator[Extend]:
        """Give what prolongs leases, on a blocking connection of its own."""
        with translated(), closing(Lone(self._conninfo, self._patience)) as line:

            def extend(leases: Sequence[Lease], lease: timedelta) -> Mapping[int, bool]:
                held: dict[int, bool] = {}
                with line.connection() as conn:
                    for dead, statement in self._extending.items():
                        if some := [one for one in leases if one.dead == dead]:
                            held |= run(conn, statement, leased(some) | {"lease": lease})
                return held

            yield extend

    async def sweep(self) -> Sequence[Swept]:
        """Bury the jobs of any queue whose time to start has passed; less often, tidy up."""
        with translated():
            async with self._control.connection() as conn:
                swept = await chores.expire(conn, self._config)
                try:
                    if monotonic() >= self._tidied + _TIDY_EVERY:
                        pruned = await chores.prune(conn, self._config)
                        await self._keys.forget(conn, self._config)
                        self._tidied = float("-inf") if pruned else monotonic()
                except psycopg.Error:
                    if not swept:  # else these are told of, and the next sweep will say it
                        raise
                return swept

    async def wait(self, at_most: timedelta) -> None:
        """Sleep until a bell rings, a job is due, or it is time to look again."""
        self._rung = await self._doorbell.wait(self._claims.within(at_most.total_seconds()))
        self._claims.check()

    @property
    def troubles(self) -> Sequence[str]:
        """Say that the worker only polls, and why, while it does."""
        return [f"degraded: polling; {why}"] if (why := self._doorbell.trouble) else []

    async def _echo(self, word: str) -> None:
        parameters = {"channel": self._config.schema, "word": word}
        with translated():
            async with self._control.connection() as conn:
                await run(conn, ECHO, parameters)

    @property
    def delayed(self) -> bool:
        """Whether jobs of any queue wait for a time."""
        return self._claims.delayed

    def transaction(self, lease: Lease) -> Scope[Any]:
        """Open a transaction whose commit completes the job, and which a lost lease undoes."""
        return self._effects.transaction(lease)

    def connection(self) -> Scope[Any]:
        """Give an autocommit connection, in whose place psycopg's errors stay what they are."""
        return self._effects.connection()

    async def _connection(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
