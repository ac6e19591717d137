"""One application, three drivers: what is written against pgqueue does not see which one it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pgqueue import (
    ConfigError,
    JobProducer,
    Memory,
    Postgres,
    Processors,
    Queue,
    Sync,
    Topic,
    Worker,
)
from pgqueue.drivers import memory as memory_driver
from pgqueue.drivers import sync as sync_driver
from pgqueue.drivers.postgres.options import OPTIONS as POSTGRES_OPTIONS
from pgqueue.plain import Json
from pgqueue.producer import Producer
from tests.documents import ROOT
from tests.worker.running import running, soon

MakeDriver = Callable[[str], Any]
DRIVERS: dict[str, MakeDriver] = {
    "postgres": lambda dsn: Postgres(dsn),
    "memory": lambda dsn: Memory(env=False),
    "sync": lambda dsn: Sync(env=False),
}


@dataclass(frozen=True)
class Song:
    file: str


SONGS = Queue("songs", Song)
UPLOADED = Topic("uploaded", Song)


class Uploads:
    """A service of an application: it pushes, and knows no driver."""

    def __init__(self, jobs: JobProducer) -> None:
        self.jobs = jobs

    async def upload(self, file: str) -> None:
        await self.jobs.push_json("songs", {"file": file}, name="uploaded")


@pytest.fixture(params=DRIVERS)
async def driver(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[Any]:
    async with DRIVERS[request.param](dsn) as made:
        yield made


async def test_a_service_takes_any_driver(driver: Any) -> None:
    """B28, B32, C22: the service, the processors and this test are the same for all of them."""
    processors, heard = Processors(), asyncio.Queue[str]()

    @processors.process(SONGS)
    async def run(song: Song) -> None:
        heard.put_nowait(song.file)

    async with running(Worker(driver, include=[processors])):
        await Uploads(driver).upload("a.mp3")
        await driver.push(SONGS, Song("b.mp3"))
        await driver.push_many(SONGS, [Song("c.mp3")])
        found = {await soon(heard.get()) for _ in range(3)}
    assert found == {"a.mp3", "b.mp3", "c.mp3"}


async def test_a_producer_alone_runs_nothing_and_a_worker_is_one_more_line(dsn: str) -> None:
    """B27: what was pushed before is there for the worker."""
    processors, heard = Processors(), asyncio.Queue[str]()

    @processors.process(SONGS)
    async def run(song: Song) -> None:
        heard.put_nowait(song.file)

    for name in ("postgres", "memory"):
        async with DRIVERS[name](dsn) as driver:
            await driver.push(SONGS, Song("a.mp3"))
            assert heard.empty()
            async with running(Worker(driver, include=[processors])):
                assert await soon(heard.get()) == "a.mp3"


async def test_no_way_leads_to_an_undeclared_queue(driver: Any) -> None:
    """E02: strict settings hold for the one method that all the others are built on."""
    strict = type(driver)(env=False, queues={"songs": {}}, strict_queues=True)
    with pytest.raises(ConfigError, match="push to sings: strict_queues"):
        await strict.push_json("sings", {"file": "a.mp3"})


class OneMethod(Producer):
    """A producer that has what it must have, and nothing else."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, Json, dict[str, Any]]] = []

    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> int:
        self.pushed.append((queue, payload, options))
        return len(self.pushed)


async def test_one_method_makes_a_producer() -> None:
    """B12: typed pushes, many at once, and topics."""
    producer = OneMethod()
    processors = Processors()

    @processors.subscribe(UPLOADED, queue="mails")
    async def mail(song: Song) -> None: ...

    assert await producer.push(SONGS, Song("a"), delay=5) == 1
    assert await producer.push_many(SONGS, [Song("b"), Song("c")]) == [2, 3]
    assert await producer.publish(UPLOADED, Song("d")) == [4]
    producer.include(processors)
    assert await producer.publish(UPLOADED, Song("e")) == [5]
    assert producer.pushed == [
        ("songs", {"file": "a"}, {"delay": 5}),
        ("songs", {"file": "b"}, {}),
        ("songs", {"file": "c"}, {}),
        ("uploaded", {"file": "d"}, {"name": "uploaded"}),
        ("mails", {"file": "e"}, {"name": "uploaded"}),
    ]
    wrong: Any = {"file": "a"}
    with pytest.raises(TypeError, match="carries Song, not dict"):
        await producer.push_many(SONGS, [Song("f"), wrong])
    assert len(producer.pushed) == 5


def test_the_document_lists_the_options_of_every_driver() -> None:
    """B13, B34: what each driver has is written down, and it is what it takes."""
    text = (ROOT / "docs/drivers.md").read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    table = {cells[0].strip(" `"): [cell.strip() == "yes" for cell in cells[1:4]] for cells in rows}
    has = (POSTGRES_OPTIONS, memory_driver.driver.OPTIONS, sync_driver.OPTIONS)
    expected = {option: [option in one for one in has] for option in POSTGRES_OPTIONS}
    assert {option: table.get(option) for option in expected} == expected
