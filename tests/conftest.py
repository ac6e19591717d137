"""One PostgreSQL for the whole run, and a fresh database for every test that asks for one.

With PGQUEUE_TEST_POOLER=transaction drivers reach it through PgBouncer in that mode. With
PGQUEUE_TEST_LOOP=uvloop the tests' own event loop is uvloop.
"""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import psycopg
import pytest
import uvloop
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from tests.databases import drop_database, make_template, new_database, on_database
from tests.poolers import NoPooler, pooler
from tests.servers import NoServer, Server, chosen_server

SERVER = pytest.StashKey[Server]()
TEMPLATE = pytest.StashKey[str]()
POOLER = pytest.StashKey[str]()
CLEANUP = pytest.StashKey[ExitStack]()
OPEN_FILES = 4096
NO_SERVER = 3
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the event loop of the run."""
    chosen = os.environ.get("PGQUEUE_TEST_LOOP", "asyncio")
    return {chosen: LOOPS[chosen]}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the server once: xdist's workers get the controller's."""
    # A shell starts what runs in its background with SIGINT ignored, and so would ours start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config = session.config
    handed_over: dict[str, Any] | None = getattr(config, "workerinput", None)
    if handed_over is not None:
        config.stash[SERVER] = Server(**handed_over["pgqueue_server"])
        config.stash[TEMPLATE] = handed_over["pgqueue_template"]
        config.stash[POOLER] = handed_over["pgqueue_pooler"]
        return
    _allow_open_files()
    stack = ExitStack()
    try:
        server = stack.enter_context(chosen_server())
        through = server.dsn
        if mode := os.environ.get("PGQUEUE_TEST_POOLER"):
            through = stack.enter_context(pooler(server.dsn, mode))
    except (NoServer, NoPooler) as error:
        stack.close()
        pytest.exit(f"No PostgreSQL for the tests: {error}", returncode=NO_SERVER)
    config.stash[SERVER] = server
    config.stash[POOLER] = through
    config.stash[TEMPLATE] = f"pgqueue_template_{secrets.token_hex(6)}"
    config.stash[CLEANUP] = stack
    stack.callback(_drop_template, server.dsn, config.stash[TEMPLATE])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which server the controller has started."""
    node.workerinput["pgqueue_server"] = asdict(node.config.stash[SERVER])
    node.workerinput["pgqueue_template"] = node.config.stash[TEMPLATE]
    node.workerinput["pgqueue_pooler"] = node.config.stash[POOLER]


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which PostgreSQL the run is about."""
    server = config.stash.get(SERVER, None)
    return [f"PostgreSQL: {server.version} ({server.source})"] if server else []


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the session started."""
    config.stash.get(CLEANUP, ExitStack()).close()


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _drop_template(server_dsn: str, name: str) -> None:
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        drop_database(connection, name)


@pytest.fixture(scope="session")
def server_dsn(request: pytest.FixtureRequest) -> str:
    """The connection string of the server's maintenance database."""
    return request.config.stash[SERVER].dsn


@pytest.fixture(scope="session")
def server(server_dsn: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """An autocommit connection to the maintenance database."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(
    request: pytest.FixtureRequest, server: psycopg.Connection[TupleRow], server_dsn: str
) -> str:
    """The name of a database that is migrated, and that nobody may write to."""
    name = request.config.stash[TEMPLATE]
    make_template(server, server_dsn, name)
    return name


@pytest.fixture
def direct_dsn(
    server: psycopg.Connection[TupleRow], server_dsn: str, template: str
) -> Iterator[str]:
    """The connection string of a fresh, migrated database, past any pooler."""
    with new_database(server, template=template) as name:
        yield on_database(server_dsn, name)


@pytest.fixture
def dsn(request: pytest.FixtureRequest, direct_dsn: str) -> str:
    """The connection string of a fresh, migrated database."""
    name = str(conninfo_to_dict(direct_dsn)["dbname"])
    return on_database(request.config.stash[POOLER], name)


@pytest.fixture
def empty_dsn(server: psycopg.Connection[TupleRow], server_dsn: str) -> Iterator[str]:
    """The connection string of a fresh database without our schema."""
    with new_database(server, template="template1") as name:
        yield on_database(server_dsn, name)


@pytest.fixture
def conn(direct_dsn: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """An autocommit connection to the test's database, with a session of its own."""
    with psycopg.connect(direct_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def aconn(direct_dsn: str) -> AsyncIterator[psycopg.AsyncConnection[TupleRow]]:
    """An autocommit async connection to the test's database, with a session of its own."""
    async with await psycopg.AsyncConnection.connect(direct_dsn, autocommit=True) as connection:
        yield connection
