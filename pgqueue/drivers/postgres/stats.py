"""Counts the live jobs and the dead letters."""

from __future__ import annotations

from pgqueue.drivers.postgres.statement import load
from pgqueue.drivers.postgres.talk import Ask, Talk
from pgqueue.stats import DeadDepth, Depth, Stats

LIVE = load("stats_live", Depth)
DEAD = load("stats_dead", DeadDepth)


def stats() -> Talk[Stats]:
    """Count everything."""
    live = yield Ask(LIVE, {})
    dead = yield Ask(DEAD, {})
    return Stats(tuple(live), tuple(dead))
