"""Whatever a handler says as it fails, what becomes of its job is written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgqueue import Abort, Postgres, Processors, Queue, Worker, fixed
from tests.worker.running import Connection, eventually, one, running

SAID = [
    "a NUL \0 in it", "half a pair \ud800", "\udfff\0", "NaN", "-Infinity", "\u2028\u202e\x1b[31m",
    "x" * 100_000 + "\ud83d", "é" * 100_000,
]  # fmt: skip
MAIL = Queue("mail", int)
# Four ways to write an error: retried, dead at once, dead in the end, and parked.
LETTERS = """
select count(*) filter (where failures -> -1 ->> 'error' is not null
  and dead_failures -> -1 ->> 'error' is not null) from pgqueue.dead_jobs"""


class Silent(Exception):
    """An error that fails when it is told."""

    def __str__(self) -> str:
        raise ValueError("\ud800\0")


def errors() -> Iterator[Exception]:
    for text in SAID:
        yield ValueError(text)
        yield Abort(text)
        yield ExceptionGroup(text[:100], [KeyError(text)])
        yield type(
            f"Odd{text[:5]}".replace("\0", "").encode("ascii", "ignore").decode(), (Exception,), {}
        )(text)
    yield Silent()


@pytest.mark.parametrize("plain", [False, True], ids=["async def", "def"])
async def test_every_outcome_lands_whatever_its_error_says(
    pg: Postgres, processors: Processors, conn: Connection, plain: bool
) -> None:
    """M52, M53, M54, P11: for retries, deaths and parked letters alike."""
    said = list(errors())

    if plain:

        @processors.process(MAIL, attempts=2, backoff=fixed(0))
        def fail(number: int) -> None:
            raise said[number]
    else:

        @processors.process(MAIL, attempts=2, backoff=fixed(0))
        async def fail_soon(number: int) -> None:
            raise said[number]

    @processors.process(MAIL.dead, attempts=2, backoff=fixed(0))
    async def bury(number: int) -> None:
        raise said[number]

    pg.push_many(MAIL, range(len(said)), on=conn)
    async with running(Worker(pg, include=[processors])):
        await eventually(lambda: one(conn, LETTERS), len(said))
    assert one(conn, "select count(*) from pgqueue.jobs") == 0
    texts = "select string_agg(failures::text || dead_failures::text, '') from pgqueue.dead_jobs"
    assert one(conn, f"select ({texts}) like '%a NUL \ufffd in it%half a pair %'") is True
