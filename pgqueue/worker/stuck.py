"""Counts handlers that do not end although they were told to; too many end the worker."""

from __future__ import annotations

import asyncio
from typing import Final

_PATIENCE: Final = 5.0


class Stuck:
    """The attempts that were given up and still run; `full` is set when there are too many.

    Who was told to end gets `patience` seconds before it counts.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: set[object] = set()
        self.full = asyncio.Event()
        self.patience = _PATIENCE

    def __len__(self) -> int:
        return len(self._held)

    def enter(self, attempt: object) -> None:
        """Count one more."""
        self._held.add(attempt)
        if len(self._held) >= self._most:
            self.full.set()

    def leave(self, attempt: object) -> bool:
        """Take one off that has ended after all; return whether it was counted."""
        held = attempt in self._held
        self._held.discard(attempt)
        return held
