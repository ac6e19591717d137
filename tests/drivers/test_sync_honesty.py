"""The sync driver hides nothing: what would fail with a queue fails here as well."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import pytest

from pgqueue import (
    Job,
    PayloadError,
    Processors,
    RegistrationError,
    Sync,
    UnsupportedOption,
    Worker,
    current_job,
    fixed,
)


@pytest.fixture
def processors() -> Processors:
    return Processors()


@pytest.fixture
def sync(processors: Processors) -> Sync:
    driver = Sync(env=False)
    Worker(driver, include=[processors])
    return driver


async def test_the_payload_makes_the_whole_journey(sync: Sync, processors: Processors) -> None:
    """C03: it is sealed, written as JSON, and decoded into the handler's type."""
    seen: list[Any] = []

    @processors.process("plain")
    async def run(job: Job[Any]) -> None:
        seen.append((job.payload, dict(job.carrier)))

    @processors.process("numbers")
    async def add(number: int) -> None:
        seen.append(number)

    value = {"at": datetime(2040, 1, 1, tzinfo=UTC), "tags": ("a", "b")}
    await sync.push("plain", value, carrier={"baggage": "a=1"})
    [(payload, carrier)] = seen
    assert payload == {"at": "2040-01-01T00:00:00Z", "tags": ["a", "b"]}
    assert carrier == {"baggage": "a=1"}
    with pytest.raises(PayloadError, match=r"\$\.file"):
        await sync.push("plain", {"file": object()})
    with pytest.raises(PayloadError, match="already sealed"):
        await sync.push("plain", {"v": 1, "payload": 1})
    with pytest.raises(Exception, match="queue numbers: the payload does not fit int"):
        await sync.push("numbers", "seven")
    assert len(seen) == 1


async def test_conditions_hosts_and_wrappers_are_those_of_a_worker() -> None:
    """C03: what surrounds a handler in a worker surrounds it here."""
    told: list[Any] = []
    processors, sync = Processors(), Sync(env=False)

    class Studio:
        @processors.process("plain", condition=lambda payload: payload != "unwanted")
        async def run(self, payload: str) -> None:
            told.append((type(self).__name__, payload, current_job().id))

    async def middleware(job: Job[Any], call_next: Any) -> None:
        told.append("before")
        await call_next()
        told.append("after")

    def hear(event: Any) -> None:
        told.append(type(event).__name__)

    worker = Worker(sync, include=[processors], middleware=[middleware], events=[hear])
    processors.bind(Studio())
    await sync.push("plain", "a")
    around = ["AttemptStarted", "before", ("Studio", "a", 1), "after", "AttemptEnded"]
    assert told == around
    await sync.push("plain", "unwanted")
    assert told[5:] == ["AttemptStarted", "AttemptEnded"]
    with pytest.raises(RegistrationError, match="after a worker had started"):
        processors.process("late")(Studio.run)
    assert worker.driver is sync


async def test_a_handler_inherits_nothing_of_its_pusher(sync: Sync, processors: Processors) -> None:
    """C03: what only a shared context would carry is missed in development, not in production."""
    tenant: ContextVar[str] = ContextVar("tenant", default="none")
    seen: list[str] = []

    @processors.process("plain")
    async def run(payload: Any) -> None:
        seen.append(tenant.get())
        tenant.set("handler")

    tenant.set("pusher")
    await sync.push("plain", 1)
    assert (seen, tenant.get()) == (["none"], "pusher")
    with pytest.raises(LookupError):
        current_job()


LACKING: dict[str, Any] = {
    "delay": "5m",
    "run_at": datetime(2040, 1, 1, tzinfo=UTC),
    "attempts": 3,
    "backoff": fixed(1),
    "notify": False,
    "on": None,
}


@pytest.mark.parametrize("option", LACKING)
async def test_what_cannot_be_heeded_is_refused(
    sync: Sync, processors: Processors, option: str
) -> None:
    """B13: nothing waits here and nothing is tried again, so nobody may rely on it."""

    @processors.process("plain")
    async def run(payload: Any) -> None:
        raise AssertionError("must not run")

    with pytest.raises(UnsupportedOption, match=f"Sync has no option {option}; it has carrier, ex"):
        await sync.push("plain", 1, **{option: LACKING[option]})


async def test_what_holds_by_itself_is_taken(sync: Sync, processors: Processors) -> None:
    """B13: first come, first run: no priority and no expiry is ever hurt."""
    ran: list[Any] = []

    @processors.process("plain")
    async def run(payload: Any) -> None:
        ran.append(payload)

    await sync.push("plain", 1, priority=9, expires_in="1h", timeout="1m")
    assert ran == [1]


async def test_transactions_have_no_database(sync: Sync, processors: Processors) -> None:
    given: list[Any] = []

    @processors.process("plain", transactional=True)
    async def run(job: Job[Any]) -> None:
        with pytest.raises(UnsupportedOption, match="Sync has no database"):
            job.connection()

    @processors.process("by-hand")
    def by_hand(job: Job[Any]) -> None:
        with job.transaction() as nothing:
            given.append(nothing)

    await sync.push("plain", 1)
    await sync.push("by-hand", 1)
    assert given == [None]


async def test_a_run_is_logged_once_and_without_its_payload(
    sync: Sync, processors: Processors, caplog: pytest.LogCaptureFixture
) -> None:
    @processors.process("plain")
    async def run(payload: Any) -> None:
        if payload == "secret failure":
            raise ValueError(payload)

    with caplog.at_level(logging.INFO, "pgqueue"):
        await sync.push("plain", "secret")
        with pytest.raises(ValueError, match="secret failure"):
            await sync.push("plain", "secret failure")
    assert [one.levelname for one in caplog.records] == ["INFO", "INFO"]
    assert "job 1 (plain) attempt 1: done" in caplog.messages[0]
    assert "job 2 (plain) raised ValueError, which its pusher gets" in caplog.messages[1]
    assert "secret" not in caplog.text
