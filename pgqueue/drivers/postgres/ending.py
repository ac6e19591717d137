"""Ends what was begun, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for something to be done, also when cancelled; the cancellation is raised after it.

    A pool whose closing is cancelled forgets connections that are open. A second cancellation
    does not wait.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
