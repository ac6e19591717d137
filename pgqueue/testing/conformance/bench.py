"""What the tests are written with: sources that are open, and claims."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from time import monotonic
from typing import Any, Final, Protocol

from pgqueue.outcome import Outcome
from pgqueue.sealing import WIRE_FORMAT_VERSION
from pgqueue.seam import Claim, Delivery, Driver, JobProducer, JobSource, Lease, Settlement

QUEUE: Final = "conformance"
OTHER: Final = "conformance.other"

# How long to wait for what must happen; nothing takes longer that passes.
PATIENCE: Final = 15.0
SHORT: Final = timedelta(milliseconds=150)
LONG: Final = timedelta(hours=1)

_tokens = count(1)


class Both(Driver, JobProducer, Protocol):
    """A driver that is pushed to and worked from."""


@asynccontextmanager
async def opened(driver: Driver) -> AsyncIterator[JobSource]:
    """A source as one worker has it, serving both queues."""
    async with driver.source([QUEUE, OTHER], f"conformance:{next(_tokens)}") as source:
        yield source


def asking(
    rooms: Mapping[str, int] | None = None, *, limit: int = 100, lease: timedelta = LONG
) -> Claim:
    """A claim with a token of its own, by default for all there is."""
    wanted = {QUEUE: 100, OTHER: 100} if rooms is None else rooms
    return Claim(rooms=wanted, limit=limit, token=next(_tokens), lease=lease, worker="conformance")


async def soon(source: JobSource, *, lease: timedelta = LONG, times: int = 1) -> list[Delivery]:
    """Claim until so many jobs have come, as a worker does: it waits when there is nothing."""
    found: list[Delivery] = []
    deadline = monotonic() + PATIENCE
    while len(found) < times:
        found += await source.claim(asking(limit=times - len(found), lease=lease))
        if len(found) < times:
            assert monotonic() < deadline, f"{len(found)} of {times} jobs within {PATIENCE:.0f} s"
            await source.wait(SHORT)
    return found


async def settle(source: JobSource, delivery: Delivery, outcome: Outcome) -> bool:
    """Settle one attempt; return whether its lease still held."""
    written = await source.settle([Settlement(delivery.lease, outcome)])
    assert set(written) <= {delivery.id}
    return delivery.id in written


async def extend(
    source: JobSource, leases: Sequence[Lease], lease: timedelta
) -> Mapping[int, bool]:
    """Prolong leases as the worker does, in another thread."""

    def prolong() -> Mapping[int, bool]:
        with source.extender() as extend:
            return dict(extend(leases, lease))

    return await asyncio.to_thread(prolong)


async def patiently(waiting: asyncio.Task[Any]) -> Any:
    """Wait for what must end."""
    done, _ = await asyncio.wait([waiting], timeout=PATIENCE)
    if not done:
        waiting.cancel()
    assert done, f"nothing within {PATIENCE:.0f} s"
    return waiting.result()


def payload(delivery: Delivery) -> Any:
    """Open an envelope as any reader could."""
    document = json.loads(delivery.envelope)
    assert document["v"] == WIRE_FORMAT_VERSION
    return document["payload"]
