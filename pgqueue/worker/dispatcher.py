"""unwrap → decode → condition → resolve host → enter context → run: one attempt, in this order."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from pgqueue.envelope import unseal
from pgqueue.errors import Rejected
from pgqueue.host import Handler
from pgqueue.job import Job, Lent, enter_job
from pgqueue.middleware import JobContext, Middleware
from pgqueue.policy import Limits
from pgqueue.processor import Processor
from pgqueue.seam import Delivery
from pgqueue.worker import journal
from pgqueue.worker.answers import without_answer
from pgqueue.worker.executors import Executors

# A transaction that lost against another one is tried again at once, with nothing written.
_CONFLICTS = ("40001", "40P01")
_TRIES = 3

Call = Callable[[], Awaitable[None]]


class Skipped(Exception):
    """The processor's condition said no: the job is complete without having run."""


class Dispatcher:
    """Takes a delivery to its handler; what goes wrong on the way is raised, and ends it there."""

    def __init__(
        self,
        executors: Executors,
        middleware: Sequence[Middleware] = (),
        context: Sequence[JobContext] = (),
    ) -> None:
        self._executors = executors
        self._middleware = middleware
        self._context = context

    async def prepare(self, processor: Processor) -> None:
        """Do what should not be on the time of the processor's next job."""
        await self._executors.prepare(processor)

    async def dispatch(
        self, delivery: Delivery, processor: Processor, limits: Limits, lent: Lent
    ) -> Any:
        """Run a job's handler to its end, and return what it returned."""
        envelope = unseal(delivery.envelope)
        try:
            payload = processor.codec.decode(envelope.payload)
        except Rejected as error:
            raise Rejected(f"queue {journal.address(delivery)}: {error}") from None
        job: Job[Any] = Job(
            id=delivery.id,
            queue=delivery.queue,
            name=delivery.name,
            payload=payload,
            attempt=delivery.attempt,
            max_attempts=limits.attempts,
            pushed_at=delivery.pushed_at,
            carrier=envelope.carrier,
            lent=lent,
            topic=delivery.name if processor.topic else None,
            dead=delivery.dead,
        )
        enter_job(job)
        # Before the middleware: to those that watch for errors, Skipped would look like one.
        if processor.condition is not None:
            await _check(processor, payload)
        if not self._middleware and not self._context:
            return await self._attempt(job, processor, processor.resolve())
        answers: list[Any] = []
        call: Call = partial(self._within_contexts, job, processor, answers)
        for one in reversed(self._middleware):
            call = partial(one, job, call)
        await call()
        return answers[-1] if answers else None

    async def _within_contexts(
        self, job: Job[Any], processor: Processor, answers: list[Any]
    ) -> None:
        handler = processor.resolve()

        async def attempt() -> None:
            answers.append(await self._attempt(job, processor, handler))

        call: Call = attempt
        for make in reversed(self._context):
            call = partial(_surrounded, make, job, call)
        await call()

    def _attempt(self, job: Job[Any], processor: Processor, handler: Handler) -> Awaitable[Any]:
        if processor.transactional:
            return self._transaction(job, processor, without_answer(handler, processor))
        return self._executors.run(processor, handler, job)

    async def _transaction(self, job: Job[Any], processor: Processor, handler: Handler) -> None:
        run = self._executors.run
        for _ in range(_TRIES - 1):
            try:
                await run(processor, handler, job, job.transaction())
                return
            except Exception as error:
                if not _is_conflict(error):
                    raise
        await run(processor, handler, job, job.transaction())


async def _surrounded(make: JobContext, job: Job[Any], call: Call) -> None:
    raised: BaseException | None = None
    async with make(job):
        try:
            await call()
        except BaseException as error:
            raised = error
            raise
    if raised is not None:  # a context that swallows it must not make a failure a success
        raise raised


async def _check(processor: Processor, payload: Any) -> None:
    assert processor.condition is not None
    answer = processor.condition(payload)
    if inspect.isawaitable(answer):
        answer = await answer
    if answer is False:
        raise Skipped
    if answer is not True:
        journal.odd_condition(processor, answer)


def _is_conflict(error: BaseException) -> bool:
    """Return whether a driver's error, wrapped by an ORM or not, is of two transactions' clash."""
    causes = (error, error.__cause__, getattr(error, "orig", None))
    return any(getattr(one, "sqlstate", None) in _CONFLICTS for one in causes)
