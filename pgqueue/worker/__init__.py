"""The worker: wires its services, and owns the order in which they stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

from pgqueue.audience import Including
from pgqueue.errors import ConfigError, HandlersStuck
from pgqueue.events import Listener, WorkerChanged
from pgqueue.health import Health
from pgqueue.host import Resolver
from pgqueue.middleware import JobContext, Middleware
from pgqueue.processor import Address, Processor, Processors, reachable
from pgqueue.seam import Delivery, Driver, InlineDriver, JobSource, Stop, Subscribing
from pgqueue.worker import bulletin
from pgqueue.worker.announce import announce
from pgqueue.worker.dispatcher import Dispatcher
from pgqueue.worker.executors import Executors
from pgqueue.worker.fetcher import Appetite, Fetcher
from pgqueue.worker.inline import Inline
from pgqueue.worker.keeper import Keeper
from pgqueue.worker.outbox import Outbox
from pgqueue.worker.runner import Runner
from pgqueue.worker.served import queues_of, refuse_unkept
from pgqueue.worker.service import Service, first, supervise
from pgqueue.worker.settler import Settler
from pgqueue.worker.slots import Slots
from pgqueue.worker.sweeper import Sweeper
from pgqueue.worker.until import Until
from pgqueue.worker.vitals import Vitals

__all__ = ["Worker"]


# A claim under way, a cancelled handler or an outcome to write gets so many seconds at least.
_LAST_WORDS = 2.0


class _Parts(NamedTuple):
    fetcher: Fetcher
    runner: Runner
    executors: Executors
    settler: Settler
    keeper: Keeper
    sweeper: Sweeper

    @property
    def services(self) -> Sequence[Service]:
        return (self.fetcher, self.settler, self.keeper, self.sweeper)


class _Services(NamedTuple):
    fetching: asyncio.Task[None]
    settling: asyncio.Task[None]
    keeping: asyncio.Task[None]
    sweeping: asyncio.Task[None]
    watching: asyncio.Task[None]

    @property
    def sound(self) -> bool:
        """Whether none of them has failed; only the fetcher ends by itself."""
        ended = self.fetching.done() and self.fetching.exception() is not None
        others = (self.settling, self.keeping, self.sweeping, self.watching)
        return not (ended or any(one.done() for one in others))


class Worker:
    """Runs the jobs of the included processors, until it is told to stop.

    `queues` limits it to those queues, in strict order of preference; without it every included
    queue is served in turns. At most `concurrency` attempts run at once, 10 by default.
    `resolver` gives the instances of class-based processors that were not bound. `middleware`
    wraps each attempt, `context` surrounds each handler, `events` are told what happens.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        include: Iterable[Processors],
        queues: Sequence[str] | None = None,
        concurrency: int | None = None,
        resolver: Resolver | None = None,
        middleware: Sequence[Middleware] = (),
        context: Sequence[JobContext] = (),
        events: Sequence[Listener] = (),
    ) -> None:
        self.driver = driver
        self.include = tuple(include)
        self.queues = None if queues is None else tuple(dict.fromkeys(queues))
        self.concurrency = concurrency
        if concurrency is not None and concurrency < 1:
            raise ConfigError(f"concurrency is {concurrency}; give 1 or more")
        self.resolver = resolver
        self.middleware = tuple(middleware)
        self.context = tuple(context)
        self.events = tuple(events)
        self._total = concurrency or driver.config.concurrency
        self._registry: Mapping[Address, Processor] = {}
        self._queues: Sequence[str] = ()
        self._until = Until()
        self._draining = asyncio.Event()
        self._releasing = asyncio.Event()
        self._vitals = Vitals(connecting=driver.config.connect_timeout)
        self._inline: Inline | None = None
        if isinstance(driver, InlineDriver):
            driver.attach(self._run_now)
        if isinstance(driver, Including):
            driver.include(*self.include)

    def stop(self) -> None:
        """Claim no more and let attempts finish; called again, release them at once."""
        if self._draining.is_set():
            self._releasing.set()
        self._draining.set()

    def health(self) -> Health:
        """Return how it is at this moment; cheap, and from any thread."""
        return self._vitals.health()

    async def run(self, until: Until | None = None) -> None:
        """Work until `stop` is called, then stop in order; cancelling it stops it at once.

        With `until` it also stops by itself, and then lets what runs finish, however long.
        Raises RegistrationError for contradicting processors, `Unavailable` when the database
        cannot be reached within `connect_timeout`, `SchemaError` when its schema does not fit, and
        `HandlersStuck` when it had to stop for as many handlers as it has slots do not end.
        """
        await self.configure()
        self._until = until or Until()
        await self.serve(self._draining)

    async def configure(self) -> None:
        """Take a snapshot of the included processors; refuse what contradicts itself."""
        self._registry = reachable(self.include, self.resolver)
        refuse_unkept(self._registry, self.driver.config.keeps)
        self._queues = queues_of(self._registry, self.queues)
        for processors in self.include:
            processors.close()

    async def serve(self, stop: Stop) -> None:
        """Work until `stop` is set, then stop in order."""
        label = f"{socket.gethostname()[:20]}:{os.getpid()}:{secrets.token_hex(3)}"
        async with self.driver.source(self._queues, label) as source:
            await self._subscribe(source)
            parts = self._wire(source, label)
            self._vitals.started(source, [service.stamp for service in parts.services])
            served = [
                one
                for at, one in self._registry.items()
                if one.queue in self._queues and at == one.address
            ]
            bulletin.started(label, served, self.driver.config.limits, self._total)
            announce(self.events, WorkerChanged(label, "started"))
            try:
                await self._work(parts, label, stop)
            finally:
                announce(self.events, WorkerChanged(label, "stopped"))

    async def _run_now(self, delivery: Delivery) -> bool:
        if self._inline is None:
            await self.configure()
            self._inline = Inline(
                self.driver.source((), "inline"),
                self._registry,
                configured=self.driver.config.limits,
                middleware=self.middleware,
                context=self.context,
                listeners=self.events,
            )
        return await self._inline.run(delivery)

    async def _subscribe(self, source: JobSource) -> None:
        """Tell the storage of every included topic, also those whose queues are not served here."""
        pairs = {(one.topic, one.queue) for one in self._registry.values() if one.topic}
        if pairs and isinstance(source, Subscribing):
            await source.subscribe(pairs)

    def _wire(self, source: JobSource, label: str) -> _Parts:
        config, registry = self.driver.config, self._registry
        slots = Slots(self._total, registry.values())
        outbox = Outbox()
        settler = Settler(source, outbox)
        executors = Executors(self._total)
        dispatcher = Dispatcher(executors, self.middleware, self.context)
        runner = Runner(
            source,
            registry,
            slots,
            outbox,
            dispatcher,
            configured=self.driver.config.limits,
            stuck=executors.stuck,
            listeners=self.events,
        )
        appetite = Appetite(
            worker=label,
            queues=self._queues,
            strict=self.queues is not None,
            lease=config.lease,
            poll_interval=config.poll_interval,
        )
        keeper = Keeper(
            source, runner.held, runner.lose, lease=config.lease, heartbeat=config.heartbeat
        )
        fetcher = Fetcher(source, slots, outbox, appetite, runner.start, self._until)
        sweeper = Sweeper(source, interval=config.poll_interval)
        return _Parts(fetcher, runner, executors, settler, keeper, sweeper)

    async def _work(self, parts: _Parts, label: str, stop: Stop) -> None:
        running = [*map(supervise, parts.services), self._vitals.watch()]
        services = _Services._make(map(asyncio.create_task, running))
        time, stuck = self._until.time, parts.executors.stuck
        try:
            await first(
                stop.wait(),
                stuck.full.wait(),
                *services,
                within=None if time is None else time.total_seconds(),
            )
            if not stop.is_set() and not stuck.full.is_set() and services.sound:
                # By itself: nobody waits for it, so what runs may finish.
                if not services.fetching.done():
                    parts.fetcher.reason = "time is up"
                parts.fetcher.stop()
                await first(stop.wait(), stuck.full.wait(), self._finished(parts, services))
            if given_up := stuck.full.is_set() and not stop.is_set():
                parts.fetcher.reason = "its handlers are stuck"
                bulletin.all_stuck(label, len(stuck))
        except asyncio.CancelledError:
            self._releasing.set()
            raise
        finally:
            try:
                await self._stop(parts, services, label)
            finally:
                await _end(*services)
        bulletin.stopped(
            label, "released at once" if self._releasing.is_set() else parts.fetcher.reason
        )
        if given_up:
            raise HandlersStuck(
                f"{len(stuck)} handlers do not end, as many as the worker has slots: start another "
                "process in its place"
            )

    async def _finished(self, parts: _Parts, services: _Services) -> None:
        self._vitals.stopping()
        await first(services.fetching, services.watching)
        await first(parts.runner.idle(), services.watching)

    async def _stop(self, parts: _Parts, services: _Services, label: str) -> None:
        grace = self.driver.config.shutdown_timeout.total_seconds()
        deadline = monotonic() + grace
        self._vitals.stopping()
        bulletin.stopping(label, len(parts.runner.held()), grace)
        parts.fetcher.stop()
        parts.sweeper.stop()
        parts.runner.warn()
        await first(services.fetching, within=max(grace, _LAST_WORDS))
        await first(parts.runner.idle(), self._releasing.wait(), within=deadline - monotonic())
        parts.runner.release()
        await first(parts.runner.idle(), within=_LAST_WORDS)
        parts.runner.abandon()
        # What a claim under way has taken along comes back if that fails.
        await first(services.fetching, within=max(deadline - monotonic(), _LAST_WORDS))
        parts.settler.stop()
        await first(services.settling, within=max(deadline - monotonic(), _LAST_WORDS))
        # What it has deleted it still has to say.
        await first(services.sweeping, within=_LAST_WORDS)
        # Only when every outcome is written may the leases of what is left lapse.
        parts.keeper.stop()
        await first(services.keeping, within=_LAST_WORDS)
        parts.executors.close()


async def _end(*services: asyncio.Task[None]) -> None:
    """Cancel what still runs, and raise the first defect that ended a service."""
    for service in services:
        service.cancel()
    for ended in await asyncio.gather(*services, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
