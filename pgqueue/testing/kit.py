"""`Kit`: what tests of an application do with its jobs, by the same code as in production."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeVar

from pgqueue import durations
from pgqueue.answer import Discard, Redrive
from pgqueue.drivers.postgres import Postgres
from pgqueue.drivers.postgres.stored import StoredJob, connect, rewind, stored
from pgqueue.drivers.sync import Sync
from pgqueue.durations import Duration
from pgqueue.events import AttemptEnded, Event, Listener
from pgqueue.letters import DeadSummary
from pgqueue.outcome import Dead, Done, Retry
from pgqueue.processor import Processors
from pgqueue.queue import Queue
from pgqueue.seam import Driver
from pgqueue.worker import Worker
from pgqueue.worker.until import Until

T = TypeVar("T")

# More than any test makes.
_ALL = 100_000


@dataclass(frozen=True)
class Drained:
    """How many attempts ended in which way, and the errors of those that failed."""

    done: int = 0
    skipped: int = 0
    retried: int = 0
    released: int = 0
    dead: int = 0
    lost: int = 0
    errors: tuple[str, ...] = ()

    @classmethod
    def of(cls, attempts: Iterable[AttemptEnded]) -> Drained:
        """Count outcomes."""
        counts: Counter[str] = Counter()
        errors = []
        for one in attempts:
            counts[_kind(one)] += 1
            if isinstance(one.outcome, Retry | Dead) and one.outcome.failure is not None:
                errors.append(one.outcome.failure.error)
        return cls(**counts, errors=tuple(errors))


class Kit:
    """A queue in a database of its own, and the real worker to run its jobs with.

    `driver` pushes there, `conn` is a blocking autocommit connection. `dsn` is for what the
    application opens itself.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.driver = Postgres(dsn)
        self.conn = connect(dsn)
        self._schema = self.driver.config.schema

    def close(self) -> None:
        """Close the connection."""
        self.conn.close()

    async def drain(self, *app: Worker | Processors) -> Drained:
        """Run what is due until nothing is, with what it pushes on the way.

        `app` is the application's worker, or its sets of processors. Jobs that wait for a time, a
        backoff too, stay: `rewind` makes them due.
        """
        return Drained.of(await self._run(app, Until(empty=True)))

    async def work_one(self, *app: Worker | Processors) -> AttemptEnded | None:
        """Run the next job that is due, once; None if there is none."""
        ended = await self._run(app, Until(empty=True, jobs=1))
        return ended[0] if ended else None

    def jobs(self, queue: Queue[T] | str) -> list[StoredJob[T]]:
        """Return the live jobs of a queue, in the order in which they will run."""
        lane: Queue[Any] = Queue(queue) if isinstance(queue, str) else queue
        return stored(self.conn, lane, schema=self._schema)

    def pushed(
        self, queue: Queue[T] | str, payload: T | None = None, *, name: str | None = None
    ) -> list[T]:
        """Return the payloads that a queue holds, or those of them that are as given."""
        return [
            one.payload
            for one in self.jobs(queue)
            if (payload is None or one.payload == payload) and (name is None or one.name == name)
        ]

    def dead(self, queue: Queue[Any] | str | None = None) -> list[DeadSummary]:
        """Return dead letters, those of the latest pushes first."""
        return list(self.driver.dead.list(queue, on=self.conn, limit=_ALL))

    def rewind(self, by: Duration) -> int:
        """Let time pass for every job: delays, backoffs, leases and expiries, but no clock.

        Returns how many jobs there are.
        """
        return rewind(self.conn, durations.parse(by, field="rewind"), schema=self._schema)

    async def _run(self, app: tuple[Worker | Processors, ...], until: Until) -> list[AttemptEnded]:
        ended: list[AttemptEnded] = []

        def note(event: Event) -> None:
            if isinstance(event, AttemptEnded):
                ended.append(event)

        await rebuilt(self.driver, app, note).run(until)
        return ended


def inline(*app: Worker | Processors) -> Sync:
    """Return a driver that runs each job inside its push, with an application's processors."""
    driver = Sync()
    rebuilt(driver, app)
    return driver


def rebuilt(driver: Driver, app: tuple[Worker | Processors, ...], *events: Listener) -> Worker:
    """Make a worker of an application's sets, or the application's worker again, on a driver."""
    match app:
        case (Worker() as worker,):
            given = {name: getattr(worker, name) for name in signature(Worker).parameters}
            told = (*worker.events, *events)
            return Worker(**{**given, "driver": driver, "events": told})
        case (Processors(), *others) if all(isinstance(one, Processors) for one in others):
            sets = [one for one in app if isinstance(one, Processors)]
            return Worker(driver, include=sets, events=events)
        case _:
            raise TypeError("give the application's Worker, or its sets of Processors")


def _kind(ended: AttemptEnded) -> str:
    match ended.outcome:
        case None:
            return "lost"
        case Done(skipped=skipped):
            return "skipped" if skipped else "done"
        case Redrive() | Discard():
            return "done"
        case Retry():
            return "retried"
        case Dead():
            return "dead"
        case _:
            return "released"
