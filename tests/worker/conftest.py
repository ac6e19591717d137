"""A driver whose waits are short enough for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pgqueue import Postgres, Processors, fixed

QUICK = {
    "lease": "2s",
    "heartbeat": "500ms",
    "poll_interval": "200ms",
    "connect_timeout": "5s",
    "shutdown_timeout": "5s",
    "backoff": fixed("20ms"),
}


@pytest.fixture
def listening(dsn: str, direct_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers hear the doorbell also where their other connections lead to a pooler."""
    if dsn != direct_dsn:
        monkeypatch.setenv("PGQUEUE_LISTEN_DSN", direct_dsn)


@pytest.fixture
async def pg(dsn: str) -> AsyncIterator[Postgres]:
    """The driver of the test's database."""
    async with Postgres(dsn, **QUICK) as driver:
        yield driver


@pytest.fixture
def processors() -> Processors:
    """An empty set of processors."""
    return Processors()
