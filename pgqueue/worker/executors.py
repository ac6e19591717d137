"""Where handlers run: `async def` on the event loop, `def` on a bounded pool of threads."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pgqueue.host import Handler
from pgqueue.scope import Scope


class Executors:
    """Runs one handler to its end; its exception is the caller's, whatever kind it is."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pgqueue-job")

    async def run(
        self, handler: Handler, argument: Any, *, is_async: bool, scope: Scope[Any] | None = None
    ) -> None:
        """Call the handler, inside the scope if there is one; what it returns does not matter."""
        if not is_async:
            context = contextvars.copy_context()
            await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: context.run(_call, handler, argument, scope)
            )
        elif scope is None:
            await handler(argument)
        else:
            async with scope:
                await handler(argument)

    def close(self) -> None:
        """Take no more; a thread that is stuck in its handler is left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _call(handler: Handler, argument: Any, scope: Scope[Any] | None) -> None:
    try:
        if scope is None:
            handler(argument)
        else:
            with scope:
                handler(argument)
    except StopIteration as error:
        # No future can carry it: the attempt would never end. A coroutine does the same.
        raise RuntimeError("handler raised StopIteration") from error
