"""Notices from another thread that the event loop stands still, and says where."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from traceback import StackSummary, extract_stack

from pgqueue.worker import bulletin

# What a loop runs on; the frames of uvloop itself are not to be seen.
_BELOW = (str(Path(asyncio.__file__).parent), str(Path(__file__).with_name("process.py")))


class Pulse:
    """Feels whether the loop has moved since the last look."""

    def __init__(self, tell: Callable[[Callable[[], None]], None], thread: int) -> None:
        self._tell = tell
        self._thread = thread
        self._felt = threading.Event()
        self._felt.set()
        self._said = False

    def check(self) -> None:
        """Log where the loop stands, once, if it has not moved since the last look."""
        if self._felt.is_set():
            self._said = False
            self._felt.clear()
            self._tell(self._felt.set)
        elif not self._said:
            self._said = True
            bulletin.stalled(_stack_of(self._thread))


def _stack_of(thread: int) -> str:
    """Return what the loop is calling, innermost last; source lines, no values."""
    frames = list(extract_stack(sys._current_frames().get(thread)))
    below = [n for n, frame in enumerate(frames) if frame.filename.startswith(_BELOW)]
    return "".join(StackSummary.from_list(frames[below[-1] + 1 if below else 0 :]).format())
