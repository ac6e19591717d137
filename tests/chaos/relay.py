"""One client's connection through the proxy."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.traps import Act, Point, Trap
from tests.chaos.wire import COMPLETE, READY, ClientSide, ServerSide

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK = 65536


@dataclass
class Faults:
    """What goes wrong for every connection.

    `delay`: seconds before anything is passed on, in either direction. `left`: so many bytes
    the servers may still send, then their connection is cut within a message. `silent`: what
    anybody sends is swallowed; who has lost something stays unheard for ever.
    """

    traps: list[Trap] = field(default_factory=list)
    delay: float = 0.0
    left: int | None = None
    silent: bool = False

    def trap(self, text: str, at: Point) -> Trap | None:
        """The trap that springs here."""
        return next((trap for trap in self.traps if trap.springs(text, at)), None)


class Relay:
    """Passes on in both directions until one side ends, or a fault ends it."""

    def __init__(
        self, faults: Faults, client: Stream, server: Stream, was_cut: Callable[[], None]
    ) -> None:
        self._faults = faults
        self._client, self._server = client, server
        self._was_cut = was_cut
        # What the server still has to answer; its greeting answers the client's startup.
        self._asked: deque[str] = deque()
        self._deaf = False
        self._ending: asyncio.Future[Act] = asyncio.get_running_loop().create_future()

    def cut(self, act: Act) -> bool:
        """End it; False if it has ended."""
        if self._ending.done():
            return False
        self._was_cut()
        self._ending.set_result(act)
        return True

    async def run(self) -> None:
        """Relay until it is cut, or a side has ended."""
        pumps = [asyncio.create_task(self._to_server()), asyncio.create_task(self._to_client())]
        ends: list[asyncio.Future[Any]] = [*pumps, self._ending]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            act = self._ending.result() if self._ending.done() else "cut"
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            if act != "leave client":
                self._client[1].transport.abort()
            if act != "leave server":
                self._server[1].transport.abort()
            if act != "cut":
                await asyncio.Event().wait()
        finally:
            for pump in pumps:
                pump.cancel()
            self._client[1].transport.abort()
            self._server[1].transport.abort()

    async def _to_server(self) -> None:
        side = ClientSide()
        while data := await self._read(self._client):
            for turn in side.feed(data):
                if turn.answered:
                    self._asked.append(turn.text)
                if trap := self._faults.trap(turn.text, "sent"):
                    await self._spring(trap)
                await self._pass(self._server, turn.data)
        # What a client has said before its end is executed all the same; then the server ends.
        self._server[1].write_eof()
        await asyncio.Event().wait()

    async def _to_client(self) -> None:
        side = ServerSide()
        withheld: list[bytes] = []
        sprung: Trap | None = None
        while data := await self._read(self._server):
            passed = b""
            for message in side.feed(data):
                asked = self._asked[0] if self._asked else ""
                if message.kind == COMPLETE and sprung is None:
                    sprung = self._faults.trap(asked, "done")
                if message.kind == READY:
                    trap = sprung or self._faults.trap(asked, "ready")
                    if trap:
                        await self._pass(self._client, passed)
                        passed, sprung = b"", None
                        await self._spring(trap)
                    passed += b"".join(withheld)
                    withheld.clear()
                    if self._asked:
                        self._asked.popleft()
                if sprung is None:
                    passed += message.data
                else:
                    withheld.append(message.data)
            await self._pass(self._client, passed)

    async def _read(self, stream: Stream) -> bytes:
        try:
            return await stream[0].read(_CHUNK)
        except ConnectionError:
            return b""

    async def _pass(self, stream: Stream, data: bytes) -> None:
        if not data:
            return
        if self._faults.delay:
            await asyncio.sleep(self._faults.delay)
        self._deaf = self._deaf or self._faults.silent
        if self._deaf:
            return
        cut = stream is self._client and self._faults.left is not None
        if cut and self._faults.left is not None:
            data, cut = data[: self._faults.left], len(data) > self._faults.left
            self._faults.left -= len(data)
        stream[1].write(data)
        try:
            await stream[1].drain()
        except ConnectionError:
            return
        if cut:
            self._faults.left = None
            self.cut("cut")
            await asyncio.Event().wait()

    async def _spring(self, trap: Trap) -> None:
        """Hold, or end the connection; a pump does not return from its end."""
        act = await trap.spring()
        if act is not None:
            self.cut(act)
            await asyncio.Event().wait()
