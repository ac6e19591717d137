"""`pgqueue work --reload`: a worker process that is replaced when Python files change."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from pgqueue.errors import ConfigError

_FOLLOWS = "PGQUEUE_FOLLOWS"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_EVERY_MS = 500

_log = logging.getLogger("pgqueue.reload")


def supervise(folder: Path) -> int:
    """Run this command without `--reload`, anew after each change; return its last exit code."""
    try:
        from watchfiles import PythonFilter, watch
    except ModuleNotFoundError:
        raise ConfigError(
            "--reload needs watchfiles: pip install 'pgqueue-driver[reload]'"
        ) from None
    child = _Child([one for one in sys.argv[1:] if one != "--reload"])
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: child.stop(number))
    child.start()
    changes = watch(
        folder,
        watch_filter=PythonFilter(),
        stop_event=child.stopped,
        rust_timeout=_LOOK_EVERY_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )
    for changed in changes:
        if changed:
            _log.info("%s changed: the worker starts again", _named(path for _, path in changed))
            child.restart()
        elif code := child.ended():
            _log.warning("the worker ended with %d; it starts again when a file changes", code)
    return child.wait()


def follow() -> None:
    """End in good order when this process's supervisor is gone, if it has one."""
    if os.environ.pop(_FOLLOWS, None) is None:
        return

    def wait() -> None:
        os.read(0, 1)  # the supervisor holds the other end, and never writes
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


class _Child:
    """The present worker process. Its session is its own: a Ctrl-C reaches it once, from here."""

    def __init__(self, arguments: list[str]) -> None:
        self._command = [sys.executable, "-P", "-m", "pgqueue_cli.main", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._told = False
        self.stopped = threading.Event()

    def start(self) -> None:
        """Start a new one, unless it is time to stop."""
        if self.stopped.is_set():
            return
        self._told = False
        environment = os.environ | {_FOLLOWS: "1"}
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command, stdin=subprocess.PIPE, env=environment, start_new_session=True
        )
        if self.stopped.is_set():  # a signal came while it was being started
            self._process.terminate()

    def restart(self) -> None:
        """Let the present one drain, then start the next."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self.start()

    def stop(self, number: int) -> None:
        """Pass a signal on; the first one drains, as it does without a supervisor."""
        self.stopped.set()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM if number == signal.SIGHUP else number)

    def ended(self) -> int | None:
        """Return its exit code, once, when it ended by itself; 0 is no news."""
        if self._told or self._process is None or self._process.poll() is None:
            return None
        self._told = True
        return _exit_code(self._process.returncode)

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return 0 if self._process is None else _exit_code(self._process.wait())


def _exit_code(code: int) -> int:
    return 128 - code if code < 0 else code


def _named(paths: Iterable[str]) -> str:
    names = sorted(Path(one).name for one in paths)
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
