"""The watchdog's program: waits for its input to end, then stops the server and cleans up.

It runs by itself, without pgqueue: `python -I -S aftermath.py FOLDER remove|keep`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

PATIENCE = 20.0


def main(folder: Path, fate: str) -> None:
    """Remember the newest process id from the input; act when the input ends."""
    pid = 0
    for line in sys.stdin:
        pid = int(line)
    if pid:
        stop(pid, folder / "data" / "postmaster.pid", fate)
    if fate == "remove":
        shutil.rmtree(folder, ignore_errors=True)


def stop(pid: int, trace: Path, fate: str) -> None:
    """Signal the server and wait until it has removed its trace."""
    try:
        os.kill(pid, signal.SIGQUIT if fate == "remove" else signal.SIGINT)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + PATIENCE
    while trace.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
