"""What a child that a handler forks must not share with its worker: the way signals take."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence


class Forks:
    """Gives the signals of a worker back to children: theirs end them, and do not drain it.

    An event loop hears signals through a line that a child inherits open. From before the fork
    until the child is rid of it they wait, or one that comes early would still go to the parent.
    """

    def __init__(self, signals: Sequence[signal.Signals], working: Callable[[], bool]) -> None:
        self._signals = signals
        self._working = working
        # By thread, for several may fork at once.
        self._masks: dict[int, set[int | signal.Signals]] = {}

    def watch(self) -> None:
        """Look after every fork from now on, as long as the worker is working."""
        os.register_at_fork(
            before=self._before, after_in_child=self._in_child, after_in_parent=self._after
        )

    def _before(self) -> None:
        if self._working():
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
            self._masks[threading.get_ident()] = mask

    def _in_child(self) -> None:
        if threading.get_ident() in self._masks:
            signal.set_wakeup_fd(-1)
            for number in self._signals:
                signal.signal(number, signal.SIG_DFL)
        self._after()

    def _after(self) -> None:
        mask = self._masks.pop(threading.get_ident(), None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
