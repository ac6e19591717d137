"""Writes down every start of the handler, apart from everything that pgqueue itself keeps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from pgqueue import Config, Job


class Runs:
    """Inserts into `demo.runs`, each row committed at once.

    No rollback of a handler and no lost lease takes a row away, so that the account can count
    what was run without believing pgqueue.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._idle: list[psycopg.AsyncConnection[Any]] = []

    async def note(self, job: Job[Any]) -> None:
        """Write down that this attempt starts, here and now."""
        await self._execute(
            "insert into demo.runs (job, attempt, worker) values (%s, %s, %s)",
            (job.id, job.attempt, os.getpid()),
        )

    async def note_death(self, job: Job[Any]) -> None:
        """Write down once why a job has died, however often its dead letter is delivered."""
        dead = job.dead
        await self._execute(
            "insert into demo.deaths (job, reason, failures) values (%s, %s, %s) "
            "on conflict do nothing",
            (job.id, dead and dead.reason, dead and len(dead.failures)),
        )

    async def _execute(self, query: LiteralString, values: Sequence[object]) -> None:
        conn = self._idle.pop() if self._idle else await self._connect()
        await conn.execute(query, values)
        self._idle.append(conn)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._config.conninfo(), autocommit=True)
