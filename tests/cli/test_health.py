"""`pgqueue work --health`: what a probe sees while the database goes away and comes back."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pgqueue_migrations import upgrade

from pgqueue.devserver import DevServer
from tests.cli.commands import Running, Shell

Answer = tuple[int, dict[str, Any]]
Connection = psycopg.Connection[Any]

INTERVAL = 10
UNAVAILABLE = re.compile(r"(Fetcher|Keeper|Sweeper): (database unavailable|no progress) for \d+ s")
PATIENCE = 60


@pytest.fixture
def own() -> Iterator[DevServer]:
    """A migrated server that the test may stop and start."""
    with DevServer.throwaway(durable=True) as server:
        upgrade(server.dsn)
        yield server


def port_of(worker: Running) -> int:
    """Wait until the worker says where it answers."""
    found = re.search(r"health: http://\S+:(\d+)/healthz", worker.until("health: http://"))
    assert found is not None
    return int(found[1])


def get(port: int, path: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def becomes(look: Callable[[], Answer], status: int, within: float = PATIENCE) -> dict[str, Any]:
    """Ask again until the status is as wanted; return what is said with it."""
    deadline = time.monotonic() + within
    while (found := look())[0] != status:
        assert time.monotonic() < deadline, f"still {found} after {within} s"
        time.sleep(0.05)
    return found[1]


def test_the_worker_is_unready_while_the_database_is_away_and_ready_after_it(
    tmp_path: Path, shell: Shell, own: DevServer
) -> None:
    """M19, M23: unready within two intervals, named with its reason; ready without a restart."""
    outside = Shell(tmp_path, own.dsn, {"PGQUEUE_POLL_INTERVAL": f"{INTERVAL}s"})
    with outside.running("work", "app:worker", "--health", "127.0.0.1:0") as worker:
        port = port_of(worker)
        ready = becomes(lambda: get(port, "/readyz"), 200)
        assert ready == {"ready": True, "reasons": [], "notes": []}
        worker.until("started with")
        own.stop()
        said = becomes(lambda: get(port, "/readyz"), 503, within=2 * INTERVAL)
        assert all(map(UNAVAILABLE.fullmatch, said["reasons"])), said
        assert get(port, "/healthz")[0] == 200
        own.start()
        becomes(lambda: get(port, "/readyz"), 200)
        assert outside.run("push", "quick", "1").code == 0
        worker.until("(quick) attempt 1: done")
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0


def test_a_worker_that_drains_is_alive_and_not_ready(shell: Shell, conn: Connection) -> None:
    """M16, M19: nothing more is sent its way, and nobody kills it for that."""
    conn.execute("select pg_advisory_lock(7)")
    assert shell.run("push", "locked", "1").code == 0
    with shell.running("work", "app:worker", "--health", ":0") as worker:
        port = port_of(worker)
        worker.until("running")
        worker.signal(signal.SIGTERM)
        said = becomes(lambda: get(port, "/readyz"), 503)
        assert said == {"ready": False, "reasons": ["stopping"], "notes": []}
        assert get(port, "/healthz") == (200, {"live": True, "reasons": ["stopping"], "notes": []})
        conn.execute("select pg_advisory_unlock(7)")
        assert worker.end() == 0


def test_an_address_that_is_taken_ends_the_worker_before_it_claims(
    shell: Shell, conn: Connection
) -> None:
    """C14, M19: one line and exit code 2; the job that waited is untouched."""
    assert shell.run("push", "quick", "1").code == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = shell.run("work", "app:worker", "--health", address)
    assert ended.code == 2
    assert ended.error == (
        f"pgqueue: health: {address} cannot be listened on (Address already in use); "
        "choose another address"
    )
    assert conn.execute("select attempt from pgqueue.jobs").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "address", ["", "8080", "localhost", ":http", "a b:1", "::1:80", "x:99999", "[::1]", "u@h:1"]
)
def test_an_address_that_is_none_is_a_usage_error(bare_shell: Shell, address: str) -> None:
    """C14: named by its option, before anything is loaded."""
    ended = bare_shell.run("work", "app:worker", "--health", address)
    assert ended.code == 2
    assert ended.error.startswith(f"pgqueue: --health: '{address}' is no address; give HOST:PORT")
