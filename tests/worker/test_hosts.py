"""Methods as handlers: their objects are bound, resolved, or missed at the boot."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgqueue import Postgres, Processors, RegistrationError, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running

ran: list[tuple[str, str, object]] = []
module_processors = Processors()


class Media:
    """Two handlers, one of each colour, that share an object."""

    def __init__(self, shop: str) -> None:
        self.shop = shop

    @module_processors.process("audio", retries=0)
    async def audio(self, payload: str) -> None:
        ran.append((type(self).__name__, self.shop, payload))

    @module_processors.process("video", retries=0)
    def video(self, payload: str) -> None:
        ran.append((type(self).__name__, self.shop, payload))


class Better(Media):
    """A derived class, whose objects will do as well."""


@pytest.fixture
def media() -> Processors:
    """The handlers of Media in a set of the test's own."""
    ran.clear()
    fresh = Processors()
    fresh.process("audio", retries=0)(Media.audio)
    fresh.process("video", retries=0)(Media.video)
    return fresh


async def test_a_method_without_its_object_ends_the_boot(pg: Postgres, media: Processors) -> None:
    """B24: the error names the method, and what to do about it."""
    with pytest.raises(RegistrationError, match=r"Media\.audio is a method: bind an instance"):
        await Worker(pg, include=[media]).run()


@pytest.mark.parametrize("kind", [Media, Better])
async def test_a_bound_object_runs_its_methods(
    pg: Postgres, media: Processors, conn: Connection, kind: type[Media]
) -> None:
    """B24: one object, or one of a derived class, serves both colours of handler."""
    media.bind(kind("corner"))
    await push_both(pg, conn)
    async with running(Worker(pg, include=[media])):
        await drained(conn)
    assert sorted(ran, key=str) == [(kind.__name__, "corner", one) for one in ("a", "v")]


async def test_a_resolver_gives_an_object_for_every_attempt(
    pg: Postgres, media: Processors, conn: Connection
) -> None:
    """B24: it is asked for the class, anew each time."""
    shops = iter(["one", "two"])

    def resolve(kind: type[Any]) -> Any:
        return kind(next(shops))

    await push_both(pg, conn)
    async with running(Worker(pg, include=[media], resolver=resolve)):
        await drained(conn)
    assert {shop for _, shop, _ in ran} == {"one", "two"}


async def test_a_resolver_that_raises_fails_the_attempt_alone(
    pg: Postgres, media: Processors, conn: Connection
) -> None:
    """B24: both attempts are dead with its error, and the worker runs the next job."""
    done = asyncio.Event()

    @media.process("next")
    async def run(payload: int) -> None:
        done.set()

    def resolve(kind: type[Any]) -> Any:
        raise LookupError(f"no {kind.__name__} today")

    await push_both(pg, conn)
    async with running(Worker(pg, include=[media], resolver=resolve)):
        await eventually(lambda: census(conn), {"dead": 2})
        pg.push("next", 1, on=conn)
        await asyncio.wait_for(done.wait(), 10)
    errors = one(
        conn, "select array_agg(distinct failures -> 0 ->> 'error') from pgqueue.dead_jobs"
    )
    assert errors == ["LookupError: no Media today"]


async def push_both(pg: Postgres, conn: Connection) -> None:
    pg.push("audio", "a", on=conn)
    pg.push("video", "v", on=conn)
