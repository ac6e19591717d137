"""Where handlers run: `async def` on the event loop, `def` on a thread, or in a process."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable
from functools import partial
from typing import Any

from pgqueue.host import Handler
from pgqueue.job import Job
from pgqueue.processor import Processor
from pgqueue.scope import Scope
from pgqueue.worker.children import Children
from pgqueue.worker.stuck import Stuck
from pgqueue.worker.threads import Threads


class Executors:
    """Runs one handler to its end; its exception is the caller's, whatever kind it is."""

    def __init__(self, most: int) -> None:
        self.stuck = Stuck(most)
        self._threads = Threads(most, self.stuck)
        self._children = Children()

    async def prepare(self, processor: Processor) -> None:
        """Do what should not be on the time of the processor's next job."""
        if processor.apart:
            await self._children.prepare(processor)

    def run(
        self,
        processor: Processor,
        handler: Handler,
        job: Job[Any],
        scope: Scope[Any] | None = None,
    ) -> Awaitable[Any]:
        """Call the handler, inside the scope if there is one; await what it returns."""
        if processor.apart:
            return self._children.run(processor, job)
        argument = job if processor.takes_job else job.payload
        if not processor.is_async:
            context = contextvars.copy_context()
            call = partial(_call, handler, argument, scope)
            return self._threads.run(job, lambda: context.run(call))
        return handler(argument) if scope is None else _within(scope, handler, argument)

    def close(self) -> None:
        """Take no more: kill the processes, and leave a thread that is stuck in its handler."""
        self._threads.close()
        self._children.close()


async def _within(scope: Scope[Any], handler: Handler, argument: Any) -> Any:
    async with scope:
        return await handler(argument)


def _call(handler: Handler, argument: Any, scope: Scope[Any] | None) -> Any:
    if scope is None:
        return handler(argument)
    with scope:
        return handler(argument)
