"""A folder for a test's ledger and logs, workers as processes, and a driver to push with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from pgqueue import Postgres
from pgqueue.devserver import DevServer
from tests.chaos.apps.ordinary import SCHEMA
from tests.chaos.ledger import Ledger
from tests.chaos.network import Cable, cable
from tests.chaos.proxy import Proxy
from tests.chaos.servers import Servers, one_original
from tests.chaos.workers import Workers
from tests.worker.running import Connection


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """What the handlers of this test's workers write down."""
    return Ledger(tmp_path)


@pytest.fixture
def workers(dsn: str, conn: Connection, tmp_path: Path) -> Iterator[Workers]:
    """Workers of the test's database, which has the table of effects; none outlives the test."""
    conn.execute(SCHEMA)
    workers = Workers(dsn, tmp_path)
    try:
        yield workers
    finally:
        workers.end()


@pytest.fixture
async def pg(dsn: str) -> AsyncIterator[Postgres]:
    """A driver of the test's database, to push with."""
    async with Postgres(dsn) as driver:
        yield driver


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy before the test's database; its `dsn` leads through it."""
    async with Proxy(dsn) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers of a test's own, which it may crash."""
    with one_original() as original:
        yield Servers(original)


@pytest.fixture
def primary(servers: Servers, request: pytest.FixtureRequest) -> Iterator[DevServer]:
    """One of them; a test's parameter may give it settings."""
    with servers.primary(getattr(request, "param", None)) as server:
        yield server


@pytest.fixture
def own(primary: DevServer) -> Iterator[Connection]:
    """An autocommit connection to it."""
    with psycopg.connect(primary.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Workers]:
    """Workers of a server that the test names with each; none outlives the test."""
    workers = Workers("", tmp_path)
    try:
        yield workers
    finally:
        workers.end()


@pytest.fixture
def wire() -> Iterator[Cable]:
    """A cable to a network of the test's own."""
    with cable() as made:
        yield made
