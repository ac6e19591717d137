"""The two ways to wrap an attempt: to change what happens, or to give it surroundings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from pgqueue.job import Job

Middleware = Callable[[Job[Any], Callable[[], Awaitable[None]]], Awaitable[None]]
"""`async def middleware(job, call_next)`: an onion around one attempt, after decoding.

It awaits `call_next()` once, or not at all, which completes the job. What it raises counts as the
handler's own, verdicts such as `Snooze` included.
"""

JobContext = Callable[[Job[Any]], AbstractAsyncContextManager[Any]]
"""Makes the surroundings of an attempt: a session, a tenant, a span.

Entered before the handler runs, and left with what it raised, which it cannot swallow.
"""
