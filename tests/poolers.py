"""PgBouncer before the tests' server: the same tests, with connections that are nobody's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgqueue.devserver import account
from tests.places import open_to_all

PATIENCE = 30.0


class NoPooler(Exception):
    """PgBouncer cannot be used; the message says why, and what to do."""


@contextmanager
def pooler(server_dsn: str, mode: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run PgBouncer before a server; give the connection string of the same database through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise NoPooler("there is no pgbouncer; install the package, or unset PGQUEUE_TEST_POOLER.")
    port = _free_port()
    with open_to_all() as folder:
        settings_file, log = folder / "pgbouncer.ini", folder / "log"
        settings_file.write_text(_settings(server_dsn, port, mode, settings or {}))
        settings_file.chmod(0o600)
        account.give(folder)
        account.give(settings_file)
        with log.open("wb") as output:
            process = account.spawn([program, settings_file], folder=folder, output=output)
        try:
            dsn = make_conninfo(
                server_dsn, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable"
            )
            _wait(process, dsn, log)
            yield dsn
        finally:
            process.kill()
            process.wait()


def _settings(server_dsn: str, port: int, mode: str, settings: Mapping[str, str]) -> str:
    server = conninfo_to_dict(server_dsn)
    names = ("host", "port", "user", "password")
    parts = [f"{name}='{server[name]!s}'" for name in names if server.get(name)]
    chosen = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": mode,
        "max_client_conn": "1000",
        "default_pool_size": "20",
        "server_login_retry": "1",
    } | dict(settings)
    lines = ["[databases]", f"* = {' '.join(parts)}", "[pgbouncer]"]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in chosen.items()), ""])


def _wait(process: subprocess.Popen[bytes], dsn: str, log: Path) -> None:
    deadline = monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or monotonic() > deadline:
                raise NoPooler(f"pgbouncer does not let us in:\n{log.read_text()}") from error
        sleep(0.05)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
