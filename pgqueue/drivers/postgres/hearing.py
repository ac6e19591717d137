"""Keeps a listener connected, and finds out whether it hears."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg

from pgqueue.drivers.postgres.listener import Connect, Listener, Pooled
from pgqueue.errors import BackendError

# A subscription is proven by words of our own, sent the way that pushes go.
ECHO_EVERY: Final = 30.0
ECHO_WITHIN: Final = 5.0
_PAUSE = 1.0

Speak = Callable[[str], Awaitable[None]]


class Deaf(Exception):
    """The connection is there, and nothing arrives on it."""


class Hearing:
    """Opens its listener again when it is lost, and tells each change: None, or the trouble.

    Losing it costs latency, never jobs.
    """

    def __init__(
        self,
        connect: Connect,
        schema: str,
        *,
        trusting: bool,
        speak: Speak,
        heard: Callable[[str], None],
        changed: Callable[[str | None], None],
    ) -> None:
        self.listener = Listener(connect, schema, self._hear, self._lose, trusting=trusting)
        self._speak = speak
        self._heard = heard
        self._changed = changed
        self._word = ""
        self._echo: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[Exception] | None = None

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            while True:
                try:
                    await self._listen()
                except Pooled:
                    self._changed(
                        "the connections lead through a pooler, where LISTEN reaches nobody; "
                        "listen_dsn (PGQUEUE_LISTEN_DSN) can name a direct line"
                    )
                    return
                except (psycopg.Error, BackendError, OSError, TimeoutError, Deaf) as error:
                    self._changed(f"no doorbell: {' '.join(str(error).split()):.300}")
                await self.listener.close()
                await asyncio.sleep(random.uniform(_PAUSE / 2, _PAUSE))
        finally:
            await self.listener.close()

    async def _listen(self) -> None:
        self._lost = lost = asyncio.get_running_loop().create_future()
        await self.listener.open()
        await self._prove(lost)
        self._changed(None)
        while True:
            await _within(ECHO_EVERY, lost)
            await self._prove(lost)

    async def _prove(self, lost: asyncio.Future[Exception]) -> None:
        self._echo = echo = asyncio.get_running_loop().create_future()
        self._word = f"-{secrets.token_hex(8)}"
        await self._speak(self._word)
        await _within(ECHO_WITHIN, lost, echo)
        if not echo.done():
            raise Deaf(
                "what the other connections send does not arrive on the one that listens; do "
                "listen_dsn (PGQUEUE_LISTEN_DSN) and dsn name the same database?"
            )

    def _hear(self, word: str) -> None:
        if word != self._word:
            self._heard(word)
        elif self._echo is not None and not self._echo.done():
            self._echo.set_result(None)

    def _lose(self, error: Exception) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(error)


async def _within(
    seconds: float, lost: asyncio.Future[Exception], *others: asyncio.Future[None]
) -> None:
    """Wait until one of them is done; a loss is raised."""
    either: set[asyncio.Future[Any]] = {lost, *others}
    await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if lost.done():
        raise lost.result()
