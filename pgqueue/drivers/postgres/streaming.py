"""Many pushes in batches: whatever their number, one batch is in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from pgqueue.drivers.postgres.order import Order
from pgqueue.drivers.postgres.placing import lent, lent_async, place_many, place_many_async
from pgqueue.pushed import Ids

T = TypeVar("T")

Progress = Callable[[int], object]
"""Told after each batch how many jobs have been pushed so far."""


def batches(payloads: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut what comes into lists of so many."""
    source = iter(payloads)
    while batch := list(islice(source, size)):
        yield batch


async def batches_async(
    payloads: Iterable[T] | AsyncIterable[T], size: int
) -> AsyncIterator[list[T]]:
    """Cut what comes, now or later, into lists of so many."""
    if isinstance(payloads, Iterable):
        for batch in batches(payloads, size):
            yield batch
        return
    gathered: list[T] = []
    async for payload in payloads:
        gathered.append(payload)
        if len(gathered) == size:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def stream(on: Any, orders: Iterator[Order], schema: str, progress: Progress | None) -> Ids:
    """Push order after order on a blocking connection: all of them, or none."""
    # The second is sealed before the first is sent: only if there is one is a transaction needed.
    ahead = list(islice(orders, 2))
    ids = Ids()
    with lent(on, atomic=len(ahead) > 1) as conn:
        for order in _chained(ahead, orders):
            ids.extend(place_many(conn, order, schema))
            if progress is not None:
                progress(len(ids))
    return ids


async def stream_async(
    on: Any, orders: AsyncIterator[Order], schema: str, progress: Progress | None
) -> Ids:
    """Push order after order on an async connection: all of them, or none."""
    ahead = [order async for _, order in _first_two(orders)]
    ids = Ids()
    async with lent_async(on, atomic=len(ahead) > 1) as conn:
        async for order in _chained_async(ahead, orders):
            ids.extend(await place_many_async(conn, order, schema))
            if progress is not None:
                progress(len(ids))
    return ids


async def _first_two(orders: AsyncIterator[Order]) -> AsyncIterator[tuple[int, Order]]:
    for n in range(2):
        try:
            yield n, await anext(orders)
        except StopAsyncIteration:
            return


# What was pushed is let go of.
def _chained(ahead: list[Order], orders: Iterator[Order]) -> Iterator[Order]:
    while ahead:
        yield ahead.pop(0)
    yield from orders


async def _chained_async(ahead: list[Order], orders: AsyncIterator[Order]) -> AsyncIterator[Order]:
    while ahead:
        yield ahead.pop(0)
    async for order in orders:
        yield order
