"""What happens when the database cannot be reached."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.cli.commands import Shell

COMMANDS = [
    ("push", "ops", "1"),
    ("dead", "list"),
    ("dead", "show", "1"),
    ("migrate",),
    ("migrate", "--check"),
    ("work", "app:worker"),
]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses, because it is taken but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that lets in and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_refused_connection_is_one_line_with_the_endpoint_and_without_the_password(
    bare_shell: Shell, closed_port: int, words: tuple[str, ...]
) -> None:
    """B17: boot fails within connect_timeout, endpoint named, password absent, exit code 1."""
    dsn = f"postgresql://somebody:canary@127.0.0.1:{closed_port}/somewhere"
    started = monotonic()
    ended = bare_shell.run(*words, PGQUEUE_DSN=dsn, PGQUEUE_CONNECT_TIMEOUT="2s")
    assert monotonic() - started < 10
    assert (ended.code, ended.out) == (1, "")
    last = ended.err.splitlines()[-1]
    assert last.startswith("pgqueue: ")
    assert str(closed_port) in last
    assert "Traceback" not in ended.err


def test_a_worker_warns_once_a_try(bare_shell: Shell, closed_port: int) -> None:
    """B17: one warning per try, each with the endpoint."""
    dsn = f"postgresql://somebody:canary@127.0.0.1:{closed_port}/somewhere"
    ended = bare_shell.run("work", "app:worker", PGQUEUE_DSN=dsn, PGQUEUE_CONNECT_TIMEOUT="1s")
    *warnings, last = ended.err.splitlines()
    assert 2 <= len(warnings) <= 3
    where = f"cannot connect to 127.0.0.1:{closed_port}/somewhere as somebody"
    assert all(" WARNING " in line and where in line for line in warnings)
    assert last.startswith(f"pgqueue: {where}")


def test_a_worker_tries_less_and_less_often(bare_shell: Shell, closed_port: int) -> None:
    """B17: the default 10 s are not twenty times the same line."""
    dsn = f"postgresql://somebody@127.0.0.1:{closed_port}/somewhere"
    ended = bare_shell.run("work", "app:worker", PGQUEUE_DSN=dsn)
    assert 3 <= len(ended.err.splitlines()) <= 8


@pytest.mark.parametrize("words", COMMANDS)
def test_a_server_that_never_answers_is_given_up(
    bare_shell: Shell, silent_port: int, words: tuple[str, ...]
) -> None:
    """B17: also when the connection is accepted and nothing comes."""
    dsn = f"postgresql://somebody:canary@127.0.0.1:{silent_port}/somewhere"
    started = monotonic()
    ended = bare_shell.run(*words, PGQUEUE_DSN=dsn, PGQUEUE_CONNECT_TIMEOUT="2s")
    assert monotonic() - started < 15
    assert ended.code == 1
    assert "Traceback" not in ended.err


def test_a_timeout_of_nothing_is_refused(bare_shell: Shell) -> None:
    """B17: 0 is refused."""
    ended = bare_shell.run("push", "ops", "1", PGQUEUE_CONNECT_TIMEOUT="0")
    assert ended.code == 2
    assert "PGQUEUE_CONNECT_TIMEOUT" in ended.error


def test_a_dsn_that_cannot_be_read_is_not_quoted(bare_shell: Shell) -> None:
    ended = bare_shell.run("push", "ops", "1", "--dsn", "postgresql://u:can@ary:canary@h:x/d")
    assert ended.code == 2
    assert "PGQUEUE_DSN" in ended.error
