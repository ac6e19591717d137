"""The worker: wires its services, and owns the order in which they stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pgqueue.errors import ConfigError, RegistrationError
from pgqueue.policy import Limits
from pgqueue.processor import Address, Processor, Processors, reachable
from pgqueue.seam import Driver, JobSource
from pgqueue.worker import journal
from pgqueue.worker.fetcher import Appetite, Fetcher
from pgqueue.worker.keeper import Keeper
from pgqueue.worker.runner import Runner
from pgqueue.worker.service import first, supervise
from pgqueue.worker.settler import Settler
from pgqueue.worker.slots import Slots

__all__ = ["Worker"]


class _Parts(NamedTuple):
    fetcher: Fetcher
    runner: Runner
    settler: Settler
    keeper: Keeper


class Worker:
    """Runs the jobs of the included processors, until it is told to stop.

    `queues` limits it to those queues, in strict order of preference; without it every included
    queue is served in turns. At most `concurrency` attempts run at once, 10 by default.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        include: Iterable[Processors],
        queues: Sequence[str] | None = None,
        concurrency: int | None = None,
    ) -> None:
        self.driver = driver
        self.include = tuple(include)
        self.queues = None if queues is None else tuple(dict.fromkeys(queues))
        self.concurrency = concurrency
        if concurrency is not None and concurrency < 1:
            raise ConfigError(f"concurrency is {concurrency}; give 1 or more")
        self._total = concurrency or driver.config.concurrency
        self._draining = asyncio.Event()
        self._releasing = asyncio.Event()

    def stop(self) -> None:
        """Claim no more and let attempts finish; called again, release them at once."""
        if self._draining.is_set():
            self._releasing.set()
        self._draining.set()

    async def run(self) -> None:
        """Work until `stop` is called, then stop in order; cancelling it stops it at once.

        Raises RegistrationError for contradicting processors, `Unavailable` when the database
        cannot be reached within `connect_timeout`, `SchemaError` when its schema does not fit.
        """
        registry = reachable(self.include)
        queues = self._served(registry)
        for processors in self.include:
            processors.close()
        label = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(3)}"
        async with self.driver.source(queues, label) as source:
            parts = self._wire(source, registry, queues, label)
            served = [one for one in registry.values() if one.queue in queues]
            journal.started(label, served, self.driver.config.attempts, self._total)
            await self._work(parts, label)
        journal.stopped(label, "released at once" if self._releasing.is_set() else "drained")

    def _wire(
        self,
        source: JobSource,
        registry: Mapping[Address, Processor],
        queues: Sequence[str],
        label: str,
    ) -> _Parts:
        config = self.driver.config
        slots = Slots(self._total, registry.values())
        settler = Settler(source)
        limits = Limits(attempts=config.attempts, backoff=config.backoff, timeout=None)
        runner = Runner(source, registry, slots, settler, configured=limits, threads=self._total)
        appetite = Appetite(
            worker=label,
            queues=queues,
            strict=self.queues is not None,
            lease=config.lease,
            poll_interval=config.poll_interval,
        )
        keeper = Keeper(
            source, runner.held, runner.lose, lease=config.lease, heartbeat=config.heartbeat
        )
        return _Parts(Fetcher(source, slots, appetite, runner.start), runner, settler, keeper)

    async def _work(self, parts: _Parts, label: str) -> None:
        fetching = asyncio.create_task(supervise(parts.fetcher))
        settling = asyncio.create_task(supervise(parts.settler))
        keeping = asyncio.create_task(supervise(parts.keeper))
        try:
            await first(self._draining.wait(), fetching, settling, keeping)
        except asyncio.CancelledError:
            self._releasing.set()
        grace = self.driver.config.shutdown_timeout.total_seconds()
        journal.stopping(label, len(parts.runner.held()), grace)
        parts.fetcher.stop()
        await first(fetching, within=grace)
        await first(parts.runner.idle(), self._releasing.wait(), within=grace)
        parts.runner.release()
        await first(parts.runner.idle(), within=1)
        parts.settler.stop()
        await first(settling, within=grace)
        # Only when every outcome is written may the leases of what is left lapse.
        parts.keeper.stop()
        await first(keeping, within=1)
        parts.runner.close()
        await _end(fetching, settling, keeping)

    def _served(self, registry: Mapping[Address, Processor]) -> Sequence[str]:
        known = list(dict.fromkeys(queue for queue, _ in registry))
        if self.queues is None:
            return known
        if missing := [queue for queue in self.queues if queue not in known]:
            raise RegistrationError(
                f"no included processor for queue {', '.join(missing)}; "
                f"known: {', '.join(known) or 'none'}"
            )
        return self.queues


async def _end(*services: asyncio.Task[None]) -> None:
    """Cancel what still runs, and raise the first defect that ended a service."""
    for service in services:
        service.cancel()
    for ended in await asyncio.gather(*services, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
