"""DevServer: one PostgreSQL server, started, stopped and crashed at will."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pgqueue.devserver import account, folders
from pgqueue.devserver.binaries import find_binaries, reachable_binaries
from pgqueue.devserver.cluster import HOST, Cluster
from pgqueue.devserver.errors import DevServerError
from pgqueue.devserver.watchdog import Watchdog

PATIENCE = 60.0
ATTEMPTS = 25
PAUSE = 0.2
# Somebody took our port between our look and the server's, or the last server is still stopping.
PASSING = ("could not bind", 'lock file "postmaster.pid" already exists')
# Rows and statements in an error could carry payloads; the log keeps the message alone.
DISCREET = {"log_error_verbosity": "terse", "log_min_error_statement": "panic"}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

Mode = Literal["fast", "immediate"]


class DevServer:
    """A running server that nobody but this process owns; made by `throwaway` or `persistent`."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        settings: Mapping[str, str],
        watchdog: Watchdog | None,
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._version = ""

    @classmethod
    @contextmanager
    def throwaway(
        cls, *, durable: bool = False, settings: Mapping[str, str] | None = None
    ) -> Iterator[DevServer]:
        """A fresh server that is gone, with its data, when the block ends or this process dies.

        Unless `durable`, a crash of the server may lose commits, as the price of speed.
        """
        folders.sweep()
        folder, lock = folders.new_folder()
        watchdog = Watchdog(folder, throwaway_lock=lock)
        speed = {} if durable else FORGETFUL
        server = cls(Cluster(folder), settings={**speed, **(settings or {})}, watchdog=watchdog)
        try:
            server.start()
            yield server
        finally:
            server._close("immediate")
            os.close(lock)

    @classmethod
    @contextmanager
    def persistent(
        cls, folder: Path | None = None, *, settings: Mapping[str, str] | None = None
    ) -> Iterator[DevServer]:
        """A server whose data, password and port stay in `folder`, or in the user's state folder.

        When the folder's server runs already, this is that server, and it runs on afterwards.
        """
        cluster = Cluster((folder or folders.lasting_folder()).resolve())
        with folders.exclusive(cluster.folder):
            server = cls._attached(cluster) or cls._opened(cluster, settings or {})
        try:
            yield server
        finally:
            if not server.attached:
                with folders.exclusive(cluster.folder):
                    server._close("fast")

    @property
    def dsn(self) -> str:
        """The connection string of the maintenance database, password included."""
        return self._cluster.dsn(self._port)

    @property
    def version(self) -> str:
        """The server's version, such as 18.6."""
        return self._version

    @property
    def attached(self) -> bool:
        """Whether another process owns the server: it then cannot be stopped from here."""
        return self._watchdog is None

    def start(self) -> None:
        """Start the server and return once it lets us in; the port stays the one it had."""
        if self._process is not None or self._watchdog is None:
            raise DevServerError(f"the server on port {self._port} runs already; nothing to start.")
        binaries = reachable_binaries(find_binaries())
        self._cluster.prepare(binaries)
        for _ in range(ATTEMPTS):
            self._port = self._cluster.last_port()
            self._launch(binaries)
            if self._is_ready():
                return
            if not any(reason in self._cluster.log_tail() for reason in PASSING):
                break
            time.sleep(PAUSE)
        raise DevServerError(
            f"PostgreSQL in {self._cluster.folder} did not start; its log ends with:\n"
            f"{self._cluster.log_tail()}"
        )

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server: `fast` ends its sessions in good order, `immediate` is a crash."""
        if self._watchdog is None:
            raise DevServerError("this process did not start the server, so it cannot stop it.")
        if self._process is None:
            return
        self._process.send_signal(SIGNALS[mode])
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._watchdog.watch(0)

    def restart(self) -> None:
        """Stop in good order and start again, on the same port with the same data."""
        self.stop()
        self.start()

    def crash(self) -> None:
        """Stop without any warning to the sessions; the next start recovers from the log."""
        self.stop("immediate")

    @classmethod
    def _attached(cls, cluster: Cluster) -> DevServer | None:
        found = cluster.postmaster()
        version = cluster.answers(found.port) if found else None
        if found is None or version is None:
            return None
        server = cls(cluster, settings={}, watchdog=None)
        server._port, server._version = found.port, version
        return server

    @classmethod
    def _opened(cls, cluster: Cluster, settings: Mapping[str, str]) -> DevServer:
        server = cls(cluster, settings=settings, watchdog=Watchdog(cluster.folder))
        try:
            server.start()
        except BaseException:
            server._close("immediate")
            raise
        return server

    def _close(self, mode: Mode) -> None:
        self.stop(mode)
        if self._watchdog:
            self._watchdog.release()

    def _launch(self, binaries: Path) -> None:
        settings = {
            **DISCREET,
            "listen_addresses": HOST,
            **self._settings,
            "port": str(self._port),
            "unix_socket_directories": "",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._cluster.log.open("wb") as log:
            self._process = account.spawn(
                [binaries / "postgres", "-D", self._cluster.data, *options],
                folder=self._cluster.folder,
                output=log,
            )
        if self._watchdog:
            self._watchdog.watch(self._process.pid)

    def _is_ready(self) -> bool:
        deadline = time.monotonic() + PATIENCE
        while self._process and self._process.poll() is None:
            found = self._cluster.postmaster()
            # The file of an earlier crash may still be there, and say that it is ready.
            if found and found.pid == self._process.pid and found.ready:
                self._version = self._cluster.answers(self._port) or ""
                if self._version:
                    return True
            if time.monotonic() > deadline:
                self.stop("immediate")
                return False
            time.sleep(0.01)
        self._process = None
        return False
