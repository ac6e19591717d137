"""The dispatcher before any storage: what another driver hands it is checked as well."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgqueue import Config, ConfigError, Processors, RegistrationError, Worker
from pgqueue.outcome import Dead
from pgqueue.scope import Scope
from pgqueue.seam import Claim, Delivery, Extend, Lease, Settlement, Transport
from tests.worker.running import running, soon


class OneDocument:
    """A driver of a single document, which it hands out once."""

    def __init__(self, document: str) -> None:
        self.config = Config.load(env=False)
        self.documents = [document]
        self.opened = False
        self.settled: asyncio.Queue[Settlement] = asyncio.Queue()

    def source(self, queues: Sequence[str], worker: str) -> OneDocument:
        self.opened = True
        return self

    async def __aenter__(self) -> OneDocument:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def claim(self, claim: Claim) -> Sequence[Delivery]:
        moment = datetime.now(UTC)
        head = (1, claim.token, "audio", None, 5, 1, 1, None, None, None)
        documents, self.documents = self.documents, []
        return [Delivery(*head, document, moment, False, False) for document in documents]

    async def settle(self, settlements: Sequence[Settlement]) -> Collection[int]:
        for one in settlements:
            self.settled.put_nowait(one)
        return [one.lease.job for one in settlements]

    def extender(self) -> AbstractContextManager[Extend]:
        return nullcontext(lambda leases, lease: {one.job: True for one in leases})

    async def wait(self, at_most: timedelta) -> None:
        await asyncio.Event().wait()

    @property
    def delayed(self) -> bool:
        return bool(self.documents)

    def transaction(self, lease: Lease) -> Scope[Any]:
        raise AssertionError("nobody asked for a transaction")

    def connection(self) -> Scope[Any]:
        raise AssertionError("nobody asked for a connection")


@pytest.mark.parametrize("document", ['{"file": "a.mp3"}', "[]", "not JSON", ""])
async def test_a_document_without_an_envelope_is_rejected_with_a_hint(
    processors: Processors, document: str
) -> None:
    """B07: where no CHECK of a table stands before it, the dispatcher refuses it."""

    @processors.process("audio")
    async def run(payload: object) -> None:
        raise AssertionError("there is no payload")

    driver = OneDocument(document)
    async with running(Worker(driver, include=[processors])):
        outcome = (await soon(driver.settled.get())).outcome
    assert isinstance(outcome, Dead)
    assert (outcome.reason, outcome.counted) == ("rejected", False)
    assert outcome.failure is not None
    assert "not an envelope" in outcome.failure.error
    assert "push with pgqueue.push()" in outcome.failure.error


async def test_a_worker_that_cannot_be_configured_never_serves(processors: Processors) -> None:
    """B15: two processors at one address: boot fails with that error, no storage is opened."""

    @processors.process("audio")
    async def one(payload: object) -> None: ...

    @processors.process("audio")
    async def two(payload: object) -> None: ...

    driver = OneDocument("")
    with pytest.raises(RegistrationError, match=r"two processors for audio: .*one and .*two"):
        await Worker(driver, include=[processors]).run()
    assert not driver.opened


async def test_a_worker_is_configured_once_and_then_serves(processors: Processors) -> None:
    """B15: as a transport it takes its snapshot first; what comes later is refused."""

    @processors.process("audio")
    async def one(payload: object) -> None: ...

    driver = OneDocument('{"v": 1, "payload": 1}')
    transport: Transport = Worker(driver, include=[processors])
    await transport.configure()
    assert not driver.opened
    with pytest.raises(RegistrationError, match="after a worker had started"):
        processors.process("video")(one)
    stop = asyncio.Event()
    serving = asyncio.create_task(transport.serve(stop))
    await soon(driver.settled.get())
    stop.set()
    await soon(serving)


async def test_a_queue_that_no_processor_serves_is_refused(processors: Processors) -> None:
    """B15: a list of queues with a wrong name ends the boot, and names those that are known."""

    @processors.process("audio")
    async def one(payload: object) -> None: ...

    worker = Worker(OneDocument(""), include=[processors], queues=["audio", "adio"])
    with pytest.raises(RegistrationError, match="no included processor for queue adio; known: au"):
        await worker.run()


def test_a_worker_without_a_slot_is_refused(processors: Processors) -> None:
    with pytest.raises(ConfigError, match="concurrency is 0; give 1 or more"):
        Worker(OneDocument(""), include=[processors], concurrency=0)
