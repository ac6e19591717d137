"""The doorbell by itself; what it does for a worker is tested with workers."""

from __future__ import annotations

import asyncio

from pgqueue import Config
from pgqueue.drivers.postgres.doorbell import Doorbell
from tests.worker.running import soon


async def test_what_it_was_saying_has_ended_when_it_is_closed(direct_dsn: str) -> None:
    """M16: a worker that stops at once leaves no task behind, which the log would call an error."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def speak(word: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)  # as the server takes its time to cancel a statement
            ended.set()

    doorbell = Doorbell(Config.load(env=False, dsn=direct_dsn), ["audio"], "test", speak)
    await doorbell.open()
    await soon(begun.wait())
    await doorbell.close()
    assert ended.is_set()
