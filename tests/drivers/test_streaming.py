"""Bulk pushes hold one batch at a time, however many jobs there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from pgqueue import Postgres
from tests.drivers.store import Connection, count

FEW, MANY = 40_000, 120_000


def payloads(number: int) -> Iterator[dict[str, str]]:
    return ({"file": f"{n:0>200}"} for n in range(number))


async def payloads_later(number: int) -> AsyncIterator[dict[str, str]]:
    for payload in payloads(number):
        yield payload


def peak() -> int:
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    return found


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def flat(few: int, many: int) -> bool:
    """Three times the jobs may cost no more than their ids, and the noise of a batch."""
    return many - few < 8 * (MANY - FEW) + 2 * 1024 * 1024


@pytest.mark.usefixtures("traced")
def test_a_generator_is_streamed(dsn: str, conn: Connection) -> None:
    """M18, A15: what is pushed is nowhere held as a whole; a list of it would take 35 MB more."""
    pg = Postgres(dsn)
    peaks = []
    for number in (1_000, FEW, MANY):
        peak()
        ids = pg.push_many("bulk", payloads(number), on=conn)
        peaks.append(peak())
        assert len(ids) == number
    assert flat(*peaks[1:])
    assert count(conn, "jobs") == 1_000 + FEW + MANY


@pytest.mark.usefixtures("traced")
async def test_an_async_generator_is_streamed(dsn: str, conn: Connection) -> None:
    """M18, A15: the same on an async connection."""
    pg = Postgres(dsn)
    peaks = []
    aconn: psycopg.AsyncConnection[Any]
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as aconn:
        for number in (1_000, FEW, MANY):
            peak()
            assert len(await pg.push_many("bulk", payloads_later(number), on=aconn)) == number
            peaks.append(peak())
    assert flat(*peaks[1:])
