"""What any worker does now and then for all queues, whichever it serves."""

from __future__ import annotations

from typing import Any

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.seam import Swept

EXPIRE = load("expire", lambda *columns: Swept(*columns[:-1]))

PRUNE_OLD = load("prune_old", int)
PRUNE_EXCESS = load("prune_excess", int)

_BATCH = 500
# What is beyond them is left to the next time: expired jobs should not wait for it.
_PRUNED_AT_ONCE = 20


async def expire(conn: psycopg.AsyncConnection[Any], config: Config) -> list[Swept]:
    """Bury the jobs whose time to start has passed, in small batches; return them."""
    statement = EXPIRE.within(config.schema)
    keeps = config.dead_letters == "keep"
    others = [queue for queue in config.queues if config.keeps(queue) != keeps]
    parameters = {"limit": _BATCH, "keeps": keeps, "others": others}
    swept: list[Swept] = []
    while found := await run(conn, statement, parameters):
        swept += found
        if len(found) < _BATCH:
            break
    return swept


async def prune(conn: psycopg.AsyncConnection[Any], config: Config) -> int:
    """Delete dead letters that nobody keeps any longer, in small batches; return how many."""
    parameters = {
        "limit": _BATCH,
        "retention": config.dead_retention,
        "keep": config.dead_keep,
    }
    pruned = 0
    for statement in (PRUNE_OLD, PRUNE_EXCESS):
        for _ in range(_PRUNED_AT_ONCE):
            gone = await run(conn, statement.within(config.schema), parameters)
            pruned += len(gone)
            if len(gone) < _BATCH:
                break
    return pruned
