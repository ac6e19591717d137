"""The drivers of this package pass the published suite as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pgqueue import Memory, Postgres, Processors, Sync, Worker
from pgqueue.testing.conformance import (
    DriverConformance,
    LettersConformance,
    ProducerConformance,
)


class TestMemory(DriverConformance, LettersConformance):
    """Retries, delays, leases and the dead, in the memory of a process."""

    @pytest.fixture
    def driver(self) -> Memory:
        return Memory(env=False)


class TestPostgres(DriverConformance, LettersConformance):
    """The same, and durable."""

    @pytest.fixture
    async def driver(self, dsn: str) -> AsyncIterator[Postgres]:
        async with Postgres(dsn) as pg:
            yield pg


class TestSync(ProducerConformance):
    """The producer's part."""

    @pytest.fixture
    def driver(self) -> Sync:
        processors = Processors()

        @processors.process("conformance")
        def take(payload: Any) -> None: ...

        sync = Sync(env=False)
        Worker(sync, include=[processors])
        return sync
