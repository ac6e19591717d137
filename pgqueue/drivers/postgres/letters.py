"""The dead letters of PostgreSQL, as every driver offers them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from pgqueue.drivers.postgres.statement import Statement, load, run
from pgqueue.outcome import Failure
from pgqueue.seam import DeadJob

Row = TypeVar("Row")


def _dead(*columns: Any) -> DeadJob:
    failures = [
        Failure(str(one.get("error", "")), str(one.get("traceback", "")))
        for one in msgspec.json.decode(columns[-1])
    ]
    number, queue, name, reason, attempt, envelope, _ = columns
    return DeadJob(number, queue, name, reason, attempt, envelope, tuple(failures))


COUNT = load("letters_count", int)
LIST = load("letters_list", _dead)
GET = load("letters_get", _dead)
REDRIVE = load("letters_redrive", bool)
DISCARD = load("letters_discard", int)
FLUSH = load("letters_flush", int)


class Letters:
    """Looks at dead jobs, lets them run again, and deletes them; each call is a transaction."""

    def __init__(self, lend: Callable[..., Awaitable[Any]], schema: str) -> None:
        self._lend = lend
        self._schema = schema

    async def count(self, queue: str | None = None) -> int:
        """Count them, of one queue or of all."""
        return (await self._run(COUNT, queue=queue))[0]

    async def get(self, job: int) -> DeadJob | None:
        """Return one of them."""
        return next(iter(await self._run(GET, id=job)), None)

    async def redrive(self, job: int) -> bool:
        """Let one run again: same id and envelope, a fresh budget; False if it is not there."""
        return (await self._run(REDRIVE, id=job))[0]

    async def discard(self, job: int) -> bool:
        """Delete one; False if it is not there, or its dead-letter processor holds it."""
        return bool(await self._run(DISCARD, id=job))

    async def flush(self, queue: str | None = None, *, everything: bool = False) -> int:
        """Delete those of a queue, or everything; return how many."""
        if queue is None and not everything:
            raise ValueError("flush: name a queue, or say everything=True")
        return len(await self._run(FLUSH, queue=queue))

    async def list(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadJob]:
        """List them, of one queue or of all, in the order of their ids."""
        return await self._run(LIST, queue=queue, limit=limit)

    async def _run(self, statement: Statement[Row], **parameters: Any) -> Sequence[Row]:
        within = statement.within(self._schema)
        rows: Sequence[Row] = await self._lend(lambda conn: run(conn, within, parameters))
        return rows
