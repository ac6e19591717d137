"""S4's producers: threads of up to four processes that push, or insert, as fast as they can.

`python -m tests.bench.producers DSN push|insert PRODUCERS SECONDS` prints how many a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
PROCESSES = 4


def action(pg: Postgres, conn: psycopg.Connection[Any], kind: str) -> Callable[[], Any]:
    """Return what a producer repeats."""
    if kind == "push":
        return lambda: pg.push("bench", PAYLOAD, on=conn)
    return lambda: conn.execute(PLAIN, (ENVELOPE,))


def produce(dsn: str, kind: str, until: float) -> int:
    """Do it on a connection of our own until the time has come; return how often."""
    times, pg = 0, Postgres(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        act = action(pg, conn, kind)
        while monotonic() < until:
            act()
            times += 1
    return times


def main(dsn: str, kind: str, producers: int, seconds: float) -> None:
    """Share the producers out among processes, and print their sum a second."""
    processes = min(PROCESSES, producers)
    shares = [producers // processes + (n < producers % processes) for n in range(processes)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", __spec__.name, dsn, kind, str(share), str(seconds), "share"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
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


def share(dsn: str, kind: str, producers: int, seconds: float) -> None:
    """Produce in this process, once told to."""
    print("ready", flush=True)
    sys.stdin.readline()
    until = monotonic() + seconds
    with ThreadPoolExecutor(producers) as pool:
        running = [pool.submit(produce, dsn, kind, until) for _ in range(producers)]
        print(sum(one.result() for one in running), flush=True)


if __name__ == "__main__":
    asked = (sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    (share if sys.argv[5:] else main)(*asked)
