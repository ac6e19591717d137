"""What any worker does now and then for all queues, whichever it serves."""

from __future__ import annotations

from typing import Any

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.seam import Swept

EXPIRE = load("expire", lambda *columns: Swept(*columns[:-1]), kept=False)

PRUNE_OLD = load("prune_old", int, kept=False)
PRUNE_EXCESS = load("prune_excess", int, kept=False)
FORGET_KEYS = load("forget_keys", lambda looked, gone, last: (looked, gone, last), kept=False)

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
    try:
        while found := await run(conn, statement, parameters):
            swept += found
            if len(found) < _BATCH:
                break
    except psycopg.Error:
        if not swept:  # else the batches before it are told of, and the next sweep will say it
            raise
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


class Keys:
    """Forgets the keys of unique pushes that hold nothing, a page at a time and round again.

    That they are there costs space alone: a push takes such a key over. So no settlement pays.
    """

    def __init__(self) -> None:
        self._after = 0

    async def forget(self, conn: psycopg.AsyncConnection[Any], config: Config) -> int:
        """Look at a page, and at the next one while most of it was to be forgotten."""
        forgotten = 0
        for _ in range(_PRUNED_AT_ONCE):
            parameters = {"after": self._after, "limit": _BATCH}
            [(looked, gone, last)] = await run(conn, FORGET_KEYS.within(config.schema), parameters)
            forgotten += gone
            self._after = last if looked == _BATCH else 0
            if looked < _BATCH or gone * 2 < looked:
                break
        return forgotten
