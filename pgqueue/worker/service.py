"""One shape for every service of the worker, and the supervision they share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from time import monotonic
from typing import Any, Protocol

from pgqueue.errors import BackendError, Unavailable
from pgqueue.worker import bulletin
from pgqueue.worker.stamp import Stamp

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Service(Protocol):
    """Runs until it is told to stop; may be run again after it has failed."""

    @property
    def stamp(self) -> Stamp:
        """What it renews whenever it has got on."""
        ...

    async def run(self) -> None:
        """Work until stopped; raise `Unavailable` when the storage is away."""
        ...

    def stop(self) -> None:
        """Ask `run` to return when its present work is done."""
        ...


async def supervise(service: Service) -> None:
    """Run a service, starting it again after the storage was away, with full jitter.

    Any other error goes up: what the database will not let us do, or a defect.
    """
    pause = _FIRST_PAUSE
    while True:
        started = monotonic()
        try:
            await service.run()
            return service.stamp.end()
        except Unavailable as error:
            service.stamp.miss()
            bulletin.unavailable(service.stamp.service, error)
        except BackendError as error:
            service.stamp.end(defect=True)
            bulletin.refused(error)
            raise
        except Exception as error:
            service.stamp.end(defect=True)
            bulletin.defect(error)
            raise
        if monotonic() - started > _LONGEST_PAUSE:
            pause = _FIRST_PAUSE
        await asyncio.sleep(random.uniform(0, pause))
        pause = min(pause * 2, _LONGEST_PAUSE)


async def first(*awaitables: Awaitable[Any], within: float | None = None) -> None:
    """Wait until one of several is done, `within` seconds; cancel the coroutines that are not.

    A task of the caller's is only watched: it is neither cancelled, nor is its error raised.
    """
    theirs = {one for one in awaitables if isinstance(one, asyncio.Task)}
    ours = {asyncio.ensure_future(one) for one in awaitables if one not in theirs}
    try:
        done, _ = await asyncio.wait(
            theirs | ours, timeout=within, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
    for task in done & ours:
        task.result()


class Nap:
    """A wait that may be ended early, without a task beside it: those cost a bell its time."""

    def __init__(self) -> None:
        self._timeout: asyncio.Timeout | None = None

    def end(self) -> None:
        """Cancel what is waited for; if nothing is, do nothing."""
        if self._timeout is not None:
            self._timeout.reschedule(0)

    async def take(self, awaited: Awaitable[Any]) -> None:
        """Wait until it is done or ended."""
        try:
            async with asyncio.timeout(None) as self._timeout:
                await awaited
        except TimeoutError:
            if self._timeout is None or not self._timeout.expired():
                raise
        finally:
            self._timeout = None
