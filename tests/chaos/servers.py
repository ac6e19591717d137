"""Servers of a test's own: made by copying one migrated cluster, crashed, followed and promoted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from pgqueue_migrations import upgrade
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgqueue.devserver import DevServer, account, folders
from pgqueue.devserver.cluster import Cluster
from pgqueue.devserver.watchdog import Watchdog

# A crash of the server alone loses nothing that was written, on a disk or not.
SETTINGS = {"max_connections": "60", "wal_keep_size": "256MB", "fsync": "off"}


class Servers:
    """Starts copies of one migrated cluster: primaries, and standbys that follow them."""

    def __init__(self, original: Path) -> None:
        self._original = original

    @contextmanager
    def primary(self, settings: Mapping[str, str] | None = None) -> Iterator[DevServer]:
        """A migrated server that is gone after the block."""
        with _folder() as (folder, watchdog):
            _copy(self._original, folder)
            chosen = SETTINGS | dict(settings or {})
            server = DevServer(Cluster(folder), settings=chosen, watchdog=watchdog)
            with _running(server):
                yield server

    @contextmanager
    def standby(self, primary: DevServer) -> Iterator[DevServer]:
        """A hot standby that streams from a primary, from its very beginning."""
        with _folder() as (folder, watchdog):
            _copy(self._original, folder)
            (folder / "data" / "standby.signal").touch()
            account.give(folder / "data" / "standby.signal")
            with (folder / "data" / "postgresql.auto.conf").open("a") as file:
                file.write(f"primary_conninfo = '{make_conninfo(primary.dsn)}'\n")
            server = DevServer(Cluster(folder), settings=SETTINGS, watchdog=watchdog)
            with _running(server):
                yield server


@contextmanager
def one_original() -> Iterator[Path]:
    """The migrated cluster that every server is a copy of; it does not run."""
    with _folder() as (folder, watchdog):
        server = DevServer(Cluster(folder), settings=SETTINGS, watchdog=watchdog)
        with _running(server):
            upgrade(server.dsn)
            server.stop()
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet scram-sha-256\n")
        yield folder


def either(*servers: DevServer, **options: str) -> str:
    """One connection string that names several servers, which have one password."""
    parts = [conninfo_to_dict(server.dsn) for server in servers]
    hosts = ",".join(str(part["host"]) for part in parts)
    ports = ",".join(str(part["port"]) for part in parts)
    return make_conninfo(servers[0].dsn, host=hosts, port=ports, **options)


def promote(standby: DevServer) -> None:
    """Make a primary of a standby, and return when it is one."""
    with psycopg.connect(standby.dsn, autocommit=True) as conn:
        assert conn.execute("select pg_promote()").fetchone() == (True,)


def stop_following(standby: DevServer) -> None:
    """Let a standby receive nothing more from its primary."""
    with psycopg.connect(standby.dsn, autocommit=True) as conn:
        conn.execute("alter system set primary_conninfo = ''")
        conn.execute("select pg_reload_conf()")
        while conn.execute("select from pg_stat_wal_receiver").rowcount:
            conn.execute("select pg_sleep(0.01)")


@contextmanager
def _folder() -> Iterator[tuple[Path, Watchdog]]:
    folder, lock = folders.new_folder()
    watchdog = Watchdog(folder, throwaway_lock=lock)
    try:
        yield folder, watchdog
    finally:
        watchdog.release()
        os.close(lock)


@contextmanager
def _running(server: DevServer) -> Iterator[None]:
    try:
        server.start()
        yield
    finally:
        server.stop("immediate")


def _copy(original: Path, folder: Path) -> None:
    shutil.copytree(original / "data", folder / "data")
    shutil.copy(original / "password", folder)
    for path in (folder / "password", folder / "data", *(folder / "data").rglob("*")):
        account.give(path)
