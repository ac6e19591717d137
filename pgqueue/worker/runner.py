"""Runs one attempt for each claimed job, and decides its outcome."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

from pgqueue import durations
from pgqueue.backoff import DEFAULT_BACKOFF
from pgqueue.errors import LeaseLost, Undecided
from pgqueue.events import Listener
from pgqueue.outcome import Done, Outcome, Release, judge
from pgqueue.policy import Limits
from pgqueue.processor import Address, Processor
from pgqueue.seam import Delivery, JobSource, Lease
from pgqueue.worker import journal
from pgqueue.worker.announce import announce
from pgqueue.worker.answers import answered
from pgqueue.worker.attempt import (
    Attempt,
    Interruption,
    claimed,
    declared,
    ended,
    in_force,
    refusal,
    started,
)
from pgqueue.worker.dispatcher import Dispatcher, Skipped
from pgqueue.worker.loan import Loan
from pgqueue.worker.outbox import Outbox, Pending
from pgqueue.worker.slots import Slots
from pgqueue.worker.stuck import Stuck

_HOSTILE = "the handler raised an exception that cannot be looked at"


class Runner:
    """unwrap → decode → run → judge, once for each delivery; a slot is held until it is settled."""

    def __init__(
        self,
        source: JobSource,
        registry: Mapping[Address, Processor],
        slots: Slots,
        outbox: Outbox,
        dispatcher: Dispatcher,
        *,
        configured: Callable[[str], Limits],
        stuck: Stuck,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._source = source
        self._registry = registry
        self._slots = slots
        self._outbox = outbox
        self._declared = declared(registry, configured)
        self._dispatcher = dispatcher
        self._stuck = stuck
        self._listeners = listeners
        self._running: dict[int, Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = self._releasing = False
        self._loop = asyncio.get_running_loop()  # up to Python 3.11 asking is a system call

    def held(self) -> Sequence[Attempt]:
        """Return the attempts whose leases have to be kept."""
        return list(self._running.values())

    def start(self, delivery: Delivery) -> None:
        """Run a claimed job in a task of its own, which inherits nobody's context."""
        attempt = claimed(self._registry, delivery)
        self._slots.take(attempt.processor)
        if earlier := self._running.get(delivery.id):
            self._interrupt(earlier, "lost")
        self._running[delivery.id] = attempt
        if self._stopping:
            attempt.warn()
        if self._releasing:  # its claim was under way when the handlers were cancelled
            self._settle(attempt, Release())
            return
        attempt.task = self._loop.create_task(self._run(attempt), context=Context())
        self._tasks.add(attempt.task)

    def lose(self, lease: Lease) -> None:
        """Cancel the attempt whose lease is gone; but its own transaction may have ended that."""
        attempt = self._running.get(lease.job)
        if attempt is not None and attempt.lease == lease and not attempt.settled:
            self._interrupt(attempt, "lost")

    async def idle(self) -> None:
        """Wait until no handler runs but the stuck ones."""
        while tasks := [task for task in self._tasks if not task.done()]:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    def warn(self) -> None:
        """Let every handler know that the worker is stopping, also those yet to start."""
        self._stopping = True
        for attempt in self.held():
            attempt.warn()

    def release(self) -> None:
        """Cancel every handler and start no more; their jobs are given back uncounted."""
        self._releasing = True
        for attempt in self.held():
            attempt.interrupt("shutdown")

    def abandon(self) -> None:
        """Give back the jobs whose handlers do not end; their leases keep them from the outcome."""
        for attempt in self.held():
            if attempt.task is not None and not attempt.task.done():
                journal.abandoned(attempt.delivery)
                self._give_up(attempt)

    async def _run(self, attempt: Attempt) -> None:
        error: BaseException | None = None
        limits = self._declared(attempt)
        outcome: Outcome | None = None
        try:
            limits = in_force(attempt.delivery, limits)
            outcome = refusal(attempt, limits)
            if outcome is None:
                attempt.answer = await self._work(attempt, limits)
        # Not Exception: SystemExit and its like, raised by a handler, must end this attempt
        # alone, and not the loop with every other job in it.
        except BaseException as raised:
            error = raised
        if attempt.task is not None:
            self._tasks.discard(attempt.task)
        if attempt.abandoned:
            if self._stuck.leave(attempt):
                journal.unstuck(attempt.delivery)
            self._slots.give(attempt.processor)
            return
        if outcome is None:
            try:
                outcome = self._outcome(attempt, error, limits)
            except BaseException:  # what was raised runs code even when it is looked at
                outcome = self._outcome(attempt, RuntimeError(_HOSTILE), limits)
        self._conclude(attempt, outcome)

    def _conclude(self, attempt: Attempt, outcome: Outcome | None) -> None:
        seconds = monotonic() - attempt.begun
        journal.ended(attempt.delivery, attempt.processor, outcome, seconds)
        if self._listeners:
            announce(self._listeners, ended(attempt, outcome, seconds))
        self._settle(attempt, outcome)

    def _work(self, attempt: Attempt, limits: Limits) -> Awaitable[Any]:
        delivery, processor = attempt.delivery, attempt.processor
        assert processor is not None
        journal.begun(delivery)
        if self._listeners:
            announce(self._listeners, started(attempt))
        loan = Loan(self._source, attempt)
        if limits.timeout is not None or processor.apart:
            return self._guarded(attempt, processor, limits, loan)
        return self._dispatcher.dispatch(delivery, processor, limits, loan)

    async def _guarded(
        self, attempt: Attempt, processor: Processor, limits: Limits, loan: Loan
    ) -> Any:
        if processor.apart:
            await self._dispatcher.prepare(processor)
        work = self._dispatcher.dispatch(attempt.delivery, processor, limits, loan)
        if limits.timeout is None:
            return await work
        seconds = limits.timeout.total_seconds()
        alarm = self._loop.call_later(seconds, self._interrupt, attempt, "timeout")
        try:
            return await work
        finally:
            alarm.cancel()

    def _interrupt(self, attempt: Attempt, why: Interruption) -> None:
        """Cancel a handler; one that swallows it is cancelled once more, and then given up."""
        if attempt.interrupt(why):
            self._loop.call_later(self._stuck.patience, self._insist, attempt, why)

    def _insist(self, attempt: Attempt, why: Interruption) -> None:
        if attempt.task is not None and not attempt.task.done():
            attempt.task.cancel(why)
            self._loop.call_later(self._stuck.patience, self._despair, attempt)

    def _despair(self, attempt: Attempt) -> None:
        if attempt.task is None or attempt.task.done() or attempt.abandoned:
            return
        self._stuck.enter(attempt)
        journal.stuck(attempt.delivery, attempt.stack())
        self._give_up(attempt)

    def _give_up(self, attempt: Attempt) -> None:
        """Settle an attempt whose handler does not end; its slot stays taken until it does."""
        attempt.abandoned = True
        if attempt.task is not None:
            self._tasks.discard(attempt.task)
        outcome: Outcome | None = Release()
        if attempt.interruption == "lost":
            outcome = None
        elif attempt.interruption == "timeout":
            limits = in_force(attempt.delivery, self._declared(attempt))
            outcome = self._outcome(attempt, _late(limits, ", and does not end"), limits)
        self._conclude(attempt, outcome)

    def _outcome(
        self, attempt: Attempt, error: BaseException | None, limits: Limits
    ) -> Outcome | None:
        """Return what becomes of the attempt; None if its lease is lost."""
        if error is None and attempt.interruption != "lost":
            return answered(attempt)
        if attempt.completed:
            if error is not None:
                journal.raised_after_completion(attempt.delivery, error)
            return answered(attempt)
        if isinstance(error, Undecided):
            journal.undecided(attempt.delivery, error)
            return None
        if attempt.interruption == "lost" or isinstance(error, LeaseLost):
            journal.lost(attempt.delivery)
            return None
        if isinstance(error, Skipped):
            return Done(skipped=True)
        if isinstance(error, asyncio.CancelledError):
            if attempt.interruption == "shutdown":
                return Release()
            if attempt.interruption == "timeout" and limits.timeout is not None:
                error = _late(limits)
        return self._judged(attempt, error, limits)

    def _judged(self, attempt: Attempt, error: BaseException | None, limits: Limits) -> Outcome:
        delivery = attempt.delivery
        judged = partial(
            judge,
            error,
            attempt=delivery.attempt,
            chance=random.random(),
            age=delivery.age + monotonic() - attempt.begun,
            snoozes=delivery.snoozes,
        )
        try:
            return judged(limits)
        except BaseException as raised:  # the application's own backoff must not cost the job
            if attempt.processor is not None:
                journal.backoff_failed(attempt.processor, raised)
            return judged(replace(limits, backoff=DEFAULT_BACKOFF))

    def _settle(self, attempt: Attempt, outcome: Outcome | None) -> None:
        if attempt.completed or outcome is None:
            self._finish(attempt)
            return
        if attempt.processor is None and isinstance(outcome, Release):
            journal.unknown(attempt.delivery)
        self._outbox.put(Pending(attempt, outcome, self._written))

    def _written(self, attempt: Attempt, held: bool) -> None:
        if not held:
            journal.lost(attempt.delivery)
        self._finish(attempt)

    def _finish(self, attempt: Attempt) -> None:
        if self._running.get(attempt.delivery.id) is attempt:
            del self._running[attempt.delivery.id]
        if not attempt.abandoned:
            self._slots.give(attempt.processor)


def _late(limits: Limits, more: str = "") -> TimeoutError:
    assert limits.timeout is not None
    return TimeoutError(f"it took longer than {durations.format(limits.timeout)}{more}")
