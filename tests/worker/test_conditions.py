"""Conditions: asked with the payload before a job runs, and obeyed only when they say False."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pgqueue import Job, Postgres, Processors, Queue, Snooze, Worker
from tests.worker.running import Connection, census, drained, eventually, one, running


@dataclass
class Song:
    """A payload with a type of its own."""

    title: str
    paid: bool


SONGS = Queue("songs", Song)


def paid(song: Song) -> bool:
    return song.paid


async def paid_too(song: Song) -> bool:
    return song.paid


class Paid:
    """A condition may be an object, and its answer awaited."""

    async def __call__(self, song: Song) -> bool:
        return song.paid


def outcomes(caplog: pytest.LogCaptureFixture) -> list[object]:
    return [record.outcome for record in caplog.records if hasattr(record, "outcome")]


@pytest.mark.parametrize("condition", [paid, paid_too, Paid(), lambda song: song.paid])
async def test_a_job_whose_condition_is_false_is_complete_without_running(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    condition: Any,
) -> None:
    """D17, D18: skipped: neither retried nor dead; it is asked with the decoded payload."""
    caplog.set_level("INFO", "pgqueue.queue")
    played: list[str] = []

    @processors.process(SONGS, condition=condition)
    async def play(song: Song) -> None:
        played.append(song.title)

    pg.push(SONGS, Song("free", paid=False), on=conn)
    pg.push(SONGS, Song("sold", paid=True), on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert (played, census(conn)) == (["sold"], {})
    assert sorted(map(str, outcomes(caplog))) == ["done", "skipped"]


async def test_a_condition_that_raises_fails_the_attempt(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """D19: it is retried by the policy, and dead after the last attempt; the handler never ran."""
    asked: list[int] = []

    def broken(payload: int) -> bool:
        asked.append(payload)
        raise ValueError("cannot tell")

    @processors.process("audio", condition=broken, retries=1)
    async def run(payload: int) -> None:
        raise AssertionError("its condition did not say True")

    pg.push("audio", 7, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"dead": 1})
    assert asked == [7, 7]
    error = one(conn, "select failures -> -1 ->> 'error' from pgqueue.dead_jobs")
    assert error == "ValueError: cannot tell"


async def test_a_condition_may_give_a_verdict(
    pg: Postgres, processors: Processors, conn: Connection
) -> None:
    """D19: what it raises counts as the handler's own: a snooze is no failure."""

    async def not_yet(payload: int) -> bool:
        raise Snooze("1h")

    @processors.process("audio", condition=not_yet)
    async def run(payload: int) -> None:
        raise AssertionError("not yet")

    pg.push("audio", 7, on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: census(conn), {"scheduled": 1})
    found = one(conn, "select attempt, failures -> 0 -> 'snoozes' from pgqueue.scheduled_jobs")
    assert found == (0, 1)


@pytest.mark.parametrize("answer", [None, 0, "", [], 1, "no"])
async def test_only_false_itself_skips_and_other_answers_are_warned_of(
    pg: Postgres,
    processors: Processors,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    answer: object,
) -> None:
    """D19: a condition that forgets to answer makes no job vanish: it runs, with one warning."""
    ran: list[int] = []

    def odd(payload: int) -> Any:
        return answer

    @processors.process("audio", condition=odd)
    async def run(job: Job[int]) -> None:
        ran.append(job.payload)

    pg.push("audio", 7, on=conn)
    async with running(Worker(pg, include=[processors])):
        await drained(conn)
    assert ran == [7]
    queue = [one for one in caplog.records if one.name == "pgqueue.queue"]
    [warning] = [one for one in queue if one.levelname == "WARNING"]
    assert "condition answered with" in warning.getMessage()
    assert type(answer).__name__ in warning.getMessage()
