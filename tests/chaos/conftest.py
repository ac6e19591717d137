"""A folder for a test's ledger and logs, workers as processes, and a driver to push with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pgqueue import Postgres
from tests.chaos.apps.ordinary import SCHEMA
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Proxy
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
