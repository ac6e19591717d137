import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgqueue.devserver import DevServer, folders
from tests.places import open_to_all

OWNER = """
import sys
from pathlib import Path
from pgqueue.devserver import DevServer
make = DevServer.persistent(Path(sys.argv[1])) if sys.argv[1:] else DevServer.throwaway()
with make as server:
    print(server.dsn, server._watchdog._process.pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_owner(*folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, *folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            dsn, watchdog = process.stdout.readline().split()
            yield process, dsn, int(watchdog)
        finally:
            process.kill()


def folder_of(connection: psycopg.Connection[tuple[str]]) -> Path:
    row = connection.execute("show data_directory").fetchone()
    assert row is not None
    return Path(row[0]).parent


def wait_for_the_end(connection: psycopg.Connection[tuple[str]]) -> None:
    with pytest.raises(psycopg.OperationalError):
        next(connection.notifies(timeout=60), None)


def test_killing_the_owner_leaves_neither_server_nor_folder() -> None:
    with another_owner() as (owner, dsn, _), psycopg.connect(dsn) as connection:
        folder = folder_of(connection)
        with (folder / "lock").open() as lock:
            owner.kill()
            wait_for_the_end(connection)
            # The watchdog holds the lock until it has cleaned up.
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert not folder.exists()


def test_killing_the_owner_of_lasting_data_stops_the_server_and_keeps_the_data() -> None:
    with open_to_all() as place:
        with another_owner(place) as (owner, dsn, _), psycopg.connect(dsn) as connection:
            connection.execute("create table kept as select 42 as answer")
            connection.commit()
            owner.kill()
            wait_for_the_end(connection)
        with DevServer.persistent(place) as server, psycopg.connect(server.dsn) as connection:
            assert not server.attached
            assert connection.execute("select answer from kept").fetchone() == (42,)


def test_a_server_whose_owner_and_watchdog_were_both_killed_is_swept() -> None:
    with another_owner() as (owner, dsn, watchdog), psycopg.connect(dsn) as connection:
        folder = folder_of(connection)
        os.kill(watchdog, signal.SIGKILL)
        owner.kill()
        with (folder / "lock").open() as lock:
            # Granted once both are truly dead; a sweep leaves a locked folder alone.
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert connection.execute("select 1").fetchone() == (1,)
        folders.sweep()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            psycopg.connect(dsn)
        wait_for_the_end(connection)
        assert not folder.exists()


def test_a_sweep_leaves_running_servers_alone() -> None:
    with DevServer.throwaway() as server:
        folders.sweep()
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_sweep_leaves_folders_alone_that_are_still_being_made() -> None:
    folder, lock = folders.new_folder()
    with open(lock):
        folders.sweep()
        assert folder.exists()
    folders.sweep()
    assert not folder.exists()
