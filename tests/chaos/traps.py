"""Where a proxy stops, and what it does there."""

from __future__ import annotations

import asyncio
from typing import Literal

Point = Literal["sent", "done", "ready"]
"""`sent`: before the server gets the statement. `done`: the server has executed and committed it,
and the client learns nothing of that. `ready`: the client sees that it is complete, and not that
the server is ready for more."""

Act = Literal["hold", "cut", "leave server", "leave client"]
"""`hold`: wait until it is let go, or cut. `cut`: both sides lose the connection. `leave server`,
`leave client`: that side is not told of the cut, and waits."""


class Trap:
    """Springs once, at a statement that contains `text`, after `skip` others did."""

    def __init__(self, text: str, at: Point, act: Act, skip: int = 0) -> None:
        self.text = text
        self.at = at
        self.act = act
        self._skip = skip
        self._armed = True
        self._decided = asyncio.Event()
        self.sprung = asyncio.Event()

    def springs(self, text: str, at: Point) -> bool:
        """Whether it is this one's turn."""
        if not self._armed or at != self.at or self.text not in text:
            return False
        if self._skip:
            self._skip -= 1
            return False
        self._armed = False
        return True

    def disarm(self) -> None:
        """Let everything pass from now on."""
        self._armed = False

    def release(self) -> None:
        """Let what is held pass on."""
        self._decided.set()

    def cut(self, act: Act = "cut") -> None:
        """Cut the connection whose statement is held."""
        self.act = act
        self._decided.set()

    async def spring(self) -> Act | None:
        """Tell the test, and return what to do to the connection; None: nothing."""
        self.sprung.set()
        if self.act == "hold":
            await self._decided.wait()
        return None if self.act == "hold" else self.act
