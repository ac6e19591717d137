"""S4's producers: processes that push, or insert, as fast as they can.

`python -m tests.bench.producers DSN push|insert PRODUCERS SECONDS` prints how many a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import psycopg

import pgqueue
from pgqueue import Postgres
from tests.bench.scene import PAYLOAD, ROOT

# Our table without its checks and triggers, and what our push writes into it.
LIKE = (
    "create table plain (like pgqueue.jobs including defaults including identity including indexes)"
)
PLAIN = "insert into plain (queue, envelope) values ('bench', %s::jsonb) returning id"
ENVELOPE = json.dumps({"v": pgqueue.WIRE_FORMAT_VERSION, "payload": PAYLOAD})


def action(pg: Postgres, conn: psycopg.Connection[Any], kind: str) -> Callable[[], Any]:
    """Return what a producer repeats."""
    if kind == "push":
        return lambda: pg.push("bench", PAYLOAD, on=conn)
    return lambda: conn.execute(PLAIN, (ENVELOPE,))


def main(dsn: str, kind: str, producers: int, seconds: float) -> None:
    """Start a process for each producer, and print their sum a second.

    Threads would share an interpreter's lock, and wait for that instead of the server.
    """
    command = [sys.executable, "-m", __spec__.name, dsn, kind, "1", str(seconds), "alone"]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(producers)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    times = sum(int(one.communicate()[0]) for one in running)
    print(json.dumps({"rate": times / seconds}))


def produce(dsn: str, kind: str, _: int, seconds: float) -> None:
    """Be one of them: connect, and begin once told to."""
    times, pg = 0, Postgres(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        act = action(pg, conn, kind)
        print("ready", flush=True)
        sys.stdin.readline()
        until = monotonic() + seconds
        while monotonic() < until:
            act()
            times += 1
    print(times, flush=True)


if __name__ == "__main__":
    asked = (sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    (produce if sys.argv[5:] else main)(*asked)
