"""One data folder: how it is made, and what its server says about itself."""

from __future__ import annotations

import re
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from pgqueue.devserver import account
from pgqueue.devserver.errors import DevServerError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Postmaster:
    """What a running server writes about itself into its data folder."""

    pid: int
    port: int
    ready: bool


@dataclass(frozen=True)
class Cluster:
    """A folder that holds the data, the password, the port and the server's log."""

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server printed since its last start."""
        return self.folder / "log"

    def prepare(self, binaries: Path) -> None:
        """Make the data folder once; one that was interrupted half-way is made again."""
        if self.data.exists():
            self._check_version(binaries)
            return
        draft = self.folder / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        self._keep("password", secrets.token_urlsafe(18))
        code, printed = account.run(
            [
                binaries / "initdb",
                *("--pgdata", draft, "--pwfile", self.folder / "password"),
                *("--username", "postgres", "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--no-locale", "--no-sync"),
            ],
            folder=self.folder,
        )
        if code != 0:
            raise DevServerError(f"initdb failed in {self.folder} (exit code {code}):\n{printed}")
        draft.rename(self.data)

    def dsn(self, port: int) -> str:
        """The connection string of the maintenance database."""
        password = (self.folder / "password").read_text()
        return f"postgresql://postgres:{password}@{HOST}:{port}/postgres"

    def last_port(self) -> int:
        """The port of the last start, so that a connection string stays good; else a free one."""
        kept = self.folder / "port"
        port = int(kept.read_text()) if kept.exists() else 0
        with socket.socket() as probe:
            # As the server does it: connections that just closed do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        self._keep("port", str(port))
        return port

    def postmaster(self) -> Postmaster | None:
        """What the data folder says about its server, which may be long gone."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 4:
            return None
        return Postmaster(
            pid=int(lines[0]),
            port=int(lines[3]),
            ready=len(lines) > 7 and lines[7].strip() == "ready",
        )

    def answers(self, port: int) -> str | None:
        """The version of the server that lets us in on this port, or None.

        A process id proves nothing: a dead process may still have one, or another process it.
        """
        import psycopg

        try:
            with psycopg.connect(self.dsn(port), connect_timeout=5) as connection:
                reported = connection.info.parameter_status("server_version") or ""
        except (psycopg.OperationalError, FileNotFoundError):
            return None
        return reported.partition(" ")[0]

    def log_tail(self) -> str:
        """The last lines of the server's log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-15:])

    def _check_version(self, binaries: Path) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        _, printed = account.run([binaries / "postgres", "--version"], folder=self.folder)
        found = re.search(r"\) (\d+)", printed)
        if found is None or found[1] != made_by:
            raise DevServerError(
                f"the data in {self.folder} was made by PostgreSQL {made_by}, but {binaries} has "
                f"{printed!r}; set PGQUEUE_PG_BIN to the older programs, or move the folder away."
            )

    def _keep(self, name: str, value: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        account.give(path)
        path.write_text(value)
