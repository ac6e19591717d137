"""Stops the server when its owner dies, however suddenly: a process that outlives the owner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pgqueue.devserver import aftermath


class Watchdog:
    """A child that holds the other end of our pipe; the end of the pipe is the end of us."""

    def __init__(self, folder: Path, *, throwaway_lock: int | None = None) -> None:
        throwaway = throwaway_lock is not None
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
            [
                sys.executable,
                "-I",
                "-S",
                aftermath.__file__,
                folder,
                "remove" if throwaway else "keep",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # A throwaway folder counts as in use until the watchdog has removed it.
            pass_fds=[] if throwaway_lock is None else [throwaway_lock],
        )

    def watch(self, pid: int) -> None:
        """The process to stop once we are gone; 0 for none."""
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(f"{pid}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            # Killed by somebody: the server goes on unwatched, and the next start sweeps up.
            return

    def release(self) -> None:
        """Let it do its last duty now, and wait until that is done."""
        self._process.communicate()
