"""Turns NOTIFY into wake-ups. Losing it costs latency, never jobs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres import connect
from pgqueue.drivers.postgres.hearing import Hearing
from pgqueue.drivers.postgres.side import SideLoop

logger = logging.getLogger("pgqueue.postgres")

# A push that peeked before the bells were taken, and commits after, rings for nobody: look
# again at once, then after these pauses; what is still not there is a long transaction's.
_LOOKS = (0.05, 0.25)
# Staying awake for a moment turns thousands of wake-ups a second into a few. A job that comes alone
# within it leaves the bells where they are: to change hands twice would cost more than it did.
_LINGER = 0.01
# Polling replaces the doorbell while it cannot be heard.
DEGRADED_POLL: Final = 1.0
# A bell that cannot be taken so many times in a row is not peeked at: somebody holds it.
_TRIES = 20
_ENDING = 2.0


class Doorbell:
    """Lets a worker sleep until a push rings, and says when it can only poll.

    The connection that hears lives in a thread of its own: while a handler blocks the event loop
    nobody else would read what the server sends, and its backend would hold back the vacuum.
    """

    def __init__(
        self,
        config: Config,
        queues: Sequence[str],
        application: str,
        speak: Callable[[str], Coroutine[Any, Any, None]],
    ) -> None:
        self._queues = list(queues)
        self._speak = speak
        self._conninfo = connect.listening_conninfo(config, application)
        self._side = SideLoop("pgqueue-listener")
        self._hearing = Hearing(
            self._connect,
            config.schema,
            trusting=config.listen_dsn is not None,
            speak=self._speak_from_aside,
            heard=self._heard,
            changed=lambda trouble: self._tell(self._change, trouble),
        )
        self._rung = asyncio.Event()
        self._ringing = False
        self._hears = False
        self._trouble: str | None = None
        self._holding = self._asleep = self._waiting = False
        self._lone: asyncio.TimerHandle | None = None
        self._speaking = asyncio.Lock()
        self._looks = self._tries = 0

    async def open(self) -> None:
        """Begin to listen; until that is proven the worker polls."""
        self._loop = asyncio.get_running_loop()
        self._side.start()
        self._listening = self._side.begin(self._hearing.run())
        self._listening.add_done_callback(_ended)

    async def close(self) -> None:
        """Listen no more; the bells vanish with the connection."""
        self._listening.cancel()
        self._stir()
        await self._side.stop()
        # A statement that is cancelled takes a while to end, but none keeps the worker for long.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDING), self._speaking:
                pass

    @property
    def trouble(self) -> str | None:
        """Why the worker only polls, if it does."""
        return self._trouble

    async def wait(self, at_most: float) -> bool:
        """Sleep until a bell rings or it is time to look again, `at_most` seconds.

        Returns whether a bell rang: then there is something to claim.
        """
        hears = self._hears
        self._waiting = True
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause(at_most)):
                    await self._rung.wait()
        finally:
            self._waiting = False
        if self._rung.is_set():
            self._rung.clear()
            self._ringing = False
            return True
        if self._asleep:
            self._looks += 1
        elif hears:
            await self._fall_asleep()
        return False

    def awake(self) -> None:
        """Let go of the bells, for pushes need not ring, unless the job that came comes alone."""
        if self._lone is not None:
            self._leave()
        elif self._holding:
            self._lone = self._loop.call_later(_LINGER, self._leave_unless_waiting)

    def _leave_unless_waiting(self) -> None:
        if self._waiting:
            self._lone = None
        else:
            self._leave()

    def _leave(self) -> None:
        self._stir()
        if self._holding:
            self._holding = self._asleep = False
            self._side.begin(self._hearing.listener.leave())

    def _stir(self) -> None:
        if self._lone is not None:
            self._lone.cancel()
            self._lone = None

    async def _spoken(self, word: str) -> None:
        async with self._speaking:
            await self._speak(word)

    async def _fall_asleep(self) -> None:
        self._holding = True
        # Not cancelled with the waiter: a slot may become free just now.
        taken = await asyncio.shield(self._side.begin(self._hearing.listener.take(self._queues)))
        self._asleep, self._looks = taken and self._hears, 0
        self._tries = 0 if taken else self._tries + 1
        if self._tries == _TRIES:
            self._say("somebody holds the doorbell's advisory lock (7067, …)")
        elif taken and self._hears:
            self._say(None)

    def _pause(self, at_most: float) -> float:
        if not self._hears or self._tries >= _TRIES:
            return min(at_most, DEGRADED_POLL)
        if not self._asleep:
            return min(at_most, _LINGER)
        return min([at_most, *_LOOKS[self._looks : self._looks + 1]])

    def _change(self, trouble: str | None) -> None:
        """Look once: for what was pushed while nobody heard, or while nobody will."""
        if self._hears or trouble is None:
            self._holding = self._asleep = False
            self._tries = 0
            self._rung.set()
        self._hears = trouble is None
        self._say(trouble)

    def _say(self, trouble: str | None) -> None:
        if trouble is not None and self._trouble is None:
            logger.warning("degraded: polling every %g s; %s", DEGRADED_POLL, trouble)
        elif trouble is None and self._trouble is not None:
            logger.info("no longer degraded: the doorbell is heard again")
        self._trouble = trouble

    # What follows runs in the listener's thread.

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)

    async def _speak_from_aside(self, word: str) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._spoken(word), self._loop))

    def _heard(self, queue: str) -> None:
        # Once is enough until the worker has noticed, however often it rings.
        if queue in self._queues and not self._ringing:
            self._ringing = True
            self._tell(self._rung.set)

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)


def _ended(hearing: asyncio.Future[None]) -> None:
    if not hearing.cancelled() and (error := hearing.exception()) is not None:
        logger.error("the doorbell is broken, and the worker polls", exc_info=error)
