"""Runs a job inside its push, for drivers that have no queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from contextvars import Context
from dataclasses import replace
from time import monotonic

from pgqueue import durations
from pgqueue.events import Listener
from pgqueue.middleware import JobContext, Middleware
from pgqueue.outcome import Done, judge
from pgqueue.policy import Limits
from pgqueue.processor import Address, Processor
from pgqueue.seam import Delivery, JobSource
from pgqueue.worker import journal
from pgqueue.worker.announce import announce
from pgqueue.worker.attempt import Attempt, declared, ended, in_force, started, wanted
from pgqueue.worker.dispatcher import Dispatcher, Skipped
from pgqueue.worker.executors import Executors
from pgqueue.worker.loan import Loan


class Inline:
    """The worker's way from a delivery to its handler, without slots, leases and settlements."""

    def __init__(
        self,
        source: JobSource,
        registry: Mapping[Address, Processor],
        *,
        configured: Callable[[str], Limits],
        middleware: Sequence[Middleware] = (),
        context: Sequence[JobContext] = (),
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._source = source
        self._registry = registry
        self._declared = declared(registry, configured)
        self._middleware = middleware
        self._context = context
        self._listeners = listeners

    async def run(self, delivery: Delivery) -> bool:
        """Run a job to its end and raise what its handler raised; False if nobody processes it."""
        processor = wanted(self._registry, delivery)
        if processor is None:
            return False
        attempt = Attempt(delivery, processor)
        # A task of its own: the handler inherits nobody's context, as in a worker.
        error = await asyncio.create_task(self._attempt(attempt, processor), context=Context())
        if error is not None:
            raise error
        return True

    async def _attempt(self, attempt: Attempt, processor: Processor) -> BaseException | None:
        """Return what was raised: as the task's own error SystemExit would end the loop."""
        begun = monotonic()
        error: BaseException | None = None
        limits, outcome = self._declared(attempt), Done()
        try:
            limits = replace(in_force(attempt.delivery, limits), attempts=1)
            journal.begun(attempt.delivery)
            announce(self._listeners, started(attempt))
            await self._dispatch(attempt, processor, limits)
        except Skipped:
            outcome = Done(skipped=True)
        except BaseException as raised:
            error = raised
        seconds = monotonic() - begun
        if error is None:
            journal.ended(attempt.delivery, processor, outcome, seconds)
        else:
            journal.handed_up(attempt.delivery, error)
        judged = judge(error, limits, attempt=1, chance=0.0) if error else outcome
        announce(self._listeners, ended(attempt, judged, seconds))
        return error

    async def _dispatch(self, attempt: Attempt, processor: Processor, limits: Limits) -> None:
        # Its own thread: a handler that pushes waits for the next one's, and none may run out.
        executors = Executors(1)
        dispatcher = Dispatcher(executors, self._middleware, self._context)
        loan = Loan(self._source, attempt)
        seconds = None if limits.timeout is None else limits.timeout.total_seconds()
        with closing(executors):
            await dispatcher.prepare(processor)
            alarm = asyncio.timeout(seconds)
            try:
                async with alarm:
                    await dispatcher.dispatch(attempt.delivery, processor, limits, loan)
            except TimeoutError as error:
                if limits.timeout is None or not alarm.expired():
                    raise
                attempt.warn()
                late = f"it took longer than {durations.format(limits.timeout)}"
                raise TimeoutError(late) from error
