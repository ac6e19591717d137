"""What the type checkers accept of the tools for dead letters, and what they refuse."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, assert_type

import psycopg

from pgqueue import Memory, Postgres, Queue
from pgqueue.letters import DeadJob, DeadLetters, DeadSummary, Report
from pgqueue.stats import Stats


def blocking(pg: Postgres, conn: psycopg.Connection[Any]) -> None:
    """A blocking connection gives values."""
    assert_type(pg.dead.count("audio", on=conn, reason="lost"), int)
    assert_type(pg.dead.list(Queue("audio"), on=conn, after=7), Sequence[DeadSummary])
    assert_type(pg.dead.get(7, on=conn), DeadJob | None)
    assert_type(pg.dead.redrive(7, on=conn), Report)
    assert_type(pg.dead.redrive([7, 8], on=conn, delay="1m"), Report)
    assert_type(pg.dead.redrive("audio", on=conn, rate=50), int)
    assert_type(pg.dead.redrive(queue="audio", error="x", on=conn, dry_run=True), int)
    assert_type(pg.dead.discard(7, on=conn), Report)
    assert_type(pg.dead.flush(on=conn, all=True), int)
    assert_type(pg.stats(on=conn), Stats)
    pg.dead.count("audio", reason="bored", on=conn)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def awaited(pg: Postgres, conn: psycopg.AsyncConnection[Any]) -> None:
    """An async one, or none, gives awaitables."""
    assert_type(pg.dead.count(), Awaitable[int])
    assert_type(await pg.dead.list(on=conn, unhandled=True), Sequence[DeadSummary])
    assert_type(await pg.dead.get(7), DeadJob | None)
    assert_type(await pg.dead.redrive(7), Report)
    assert_type(await pg.dead.redrive("audio", on=conn), int)
    assert_type(await pg.dead.flush("audio"), int)
    assert_type(await pg.stats(), Stats)


async def any_driver(pg: Postgres, memory: Memory) -> None:
    """Tools for one driver's letters are tools for every driver's."""
    for dead in (pg.dead, memory.dead):
        await tool(dead)


async def tool(dead: DeadLetters) -> None:
    """Something that looks after dead letters."""
    assert_type(await dead.redrive([7]), Report)
    assert_type(await dead.redrive("audio", limit=1), int)
