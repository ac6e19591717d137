"""What any worker does now and then for all queues, whichever it serves."""

from __future__ import annotations

from typing import Any

import psycopg

from pgqueue.config import Config
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.seam import Swept

EXPIRE = load("expire", lambda *columns: Swept(*columns[:-1]))

_BATCH = 500


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
