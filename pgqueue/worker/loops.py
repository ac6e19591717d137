"""Which event loop a worker process runs on."""

from __future__ import annotations

import asyncio
from typing import Literal

from pgqueue.errors import ConfigError

Loop = Literal["auto", "asyncio", "uvloop"]


def new_loop(kind: Loop) -> asyncio.AbstractEventLoop:
    """Make a loop; "auto" is uvloop where it is installed."""
    if kind == "asyncio":
        return asyncio.new_event_loop()
    try:
        import uvloop
    except ModuleNotFoundError:
        if kind == "auto":
            return asyncio.new_event_loop()
        raise ConfigError(
            "--loop uvloop needs uvloop: pip install 'pgqueue-driver[uvloop]'"
        ) from None
    return uvloop.new_event_loop()
