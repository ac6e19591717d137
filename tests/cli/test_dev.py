"""`pgqueue dev`."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.commands import Running, Shell
from tests.places import open_to_all


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the server's user may have its data."""
    with open_to_all() as place:
        yield place / "state"


def printed_dsn(running: Running) -> str:
    found = re.search(r"postgresql://\S+", running.until("postgresql://"))
    assert found is not None
    assert running.until("export PGQUEUE_DSN=").endswith(found[0])
    return found[0]


def test_it_runs_the_applications_worker_on_a_server_of_its_own(
    bare_shell: Shell, folder: Path
) -> None:
    with bare_shell.running("dev", "app:worker", "--folder", str(folder)) as dev:
        dsn = printed_dsn(dev)
        dev.until("started with")
        assert bare_shell.run("push", "quick", "1", PGQUEUE_DSN=dsn).code == 0
        dev.until("(quick) attempt 1: done")
        dev.signal(signal.SIGINT)
        assert dev.end() == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_without_an_application_it_waits_and_keeps_the_data(
    bare_shell: Shell, folder: Path
) -> None:
    ids = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with bare_shell.running("dev", "--folder", str(folder)) as dev:
            dsn = printed_dsn(dev)
            assert dev.lines[0].startswith("PostgreSQL ")  # and not what migrating it took
            dev.until("no application is named")
            ids.append(int(bare_shell.run("push", "quick", "1", "--dsn", dsn).out))
            dev.signal(number)
            assert dev.end() == 0
    assert ids == sorted(set(ids))


def test_a_broken_application_stops_the_server_too(bare_shell: Shell, folder: Path) -> None:
    with bare_shell.running("dev", "nosuch:worker", "--folder", str(folder)) as dev:
        dsn = printed_dsn(dev)
        assert dev.end() == 2
    assert dev.lines[-1].startswith("pgqueue: cannot import nosuch: ")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
