"""Runs the tasks that were pushed, with the worker of an application."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from pgqueue import Postgres, Worker, fixed
from pgqueue.integrations.django import conninfo, processors
from pgqueue.worker.until import Until

Connection = psycopg.Connection[Any]


def work(conn: Connection, *, rounds: int = 1, **options: Any) -> None:
    """Run what is due; in each further round also what waits for its retry."""
    said: Any = {"concurrency": 1, "backoff": fixed("1h"), **options}
    for _ in range(rounds):
        worker = Worker(Postgres(conninfo()), include=[processors(**said)])
        asyncio.run(asyncio.wait_for(worker.run(Until(empty=True)), 60))
        conn.execute("update pgqueue.scheduled_jobs set run_at = now()")
