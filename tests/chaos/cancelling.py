"""Cancels a coroutine wherever it waits: at its first await, at its second, and so on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from itertools import count
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class CancelledAt(Generic[T]):
    """Awaits a coroutine, and cancels the task that does so when it waits for the k-th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], k: int) -> None:
        self._coroutine = coroutine
        self._left = k

    @property
    def reached(self) -> bool:
        """Whether it waited so often."""
        return self._left <= 0

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            try:
                waits_for = step()
            except StopIteration as end:
                result: T = end.value
                return result
            self._left -= 1
            if self._left == 0:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                value = yield waits_for
            except BaseException as error:  # what was thrown in is the coroutine's to handle
                thrown = error
                step = lambda: self._coroutine.throw(thrown)  # noqa: E731, B023
            else:
                step = lambda: self._coroutine.send(value)  # noqa: E731, B023


async def at_every_await(
    make: Callable[[int], Coroutine[Any, Any, T]],
) -> AsyncIterator[tuple[int, T | None]]:
    """Run what `make(k)` gives and cancel it at its k-th await, for every k that there is.

    Yields k and None after each cancellation, and at last k and the result, uncancelled.
    """
    for k in count(1):
        cancelled = CancelledAt(make(k), k)
        task = asyncio.ensure_future(_awaited(cancelled))
        await asyncio.wait([task], timeout=60)
        assert task.done(), f"cancelled at await {k}, it does not end: {task.get_stack()}"
        if not cancelled.reached:
            yield k, task.result()
            return
        assert task.cancelled(), f"cancelled at await {k}, it ended with {task}"
        # A connection that was only half made is closed when the last traceback forgets it.
        del task, cancelled
        gc.collect()
        yield k, None


async def _awaited(cancelled: CancelledAt[T]) -> T:
    return await cancelled
