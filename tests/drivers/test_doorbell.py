"""The doorbell by itself; what it does for a worker is tested with workers."""

from __future__ import annotations

import asyncio
from time import monotonic

from pgqueue import Config
from pgqueue.drivers.postgres.doorbell import Doorbell
from tests.worker.running import soon


class Speech:
    """A word on its way, which ends so many seconds after it was cancelled."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def speak(self, word: str) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self._seconds)  # as a server takes its time to cancel a statement
            self.ended.set()


async def interrupted(dsn: str, speech: Speech) -> None:
    """Close a doorbell that is speaking."""
    doorbell = Doorbell(Config.load(env=False, dsn=dsn), ["audio"], "test", speech.speak)
    await doorbell.open()
    await soon(speech.begun.wait())
    await doorbell.close()


async def test_what_it_was_saying_has_ended_when_it_is_closed(direct_dsn: str) -> None:
    """M16: a worker that stops at once leaves no task behind, which the log would call an error."""
    speech = Speech(0.2)
    await interrupted(direct_dsn, speech)
    assert speech.ended.is_set()


async def test_what_does_not_end_keeps_nobody(direct_dsn: str) -> None:
    """A server that stands still does not hold up the end of a worker."""
    speech = Speech(60.0)
    began = monotonic()
    await interrupted(direct_dsn, speech)
    assert not speech.ended.is_set()
    assert monotonic() - began < 30.0
