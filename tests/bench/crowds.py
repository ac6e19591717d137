"""S8: claims and extensions beside many jobs in flight, many queues, and full lower lanes.

`python -m tests.bench.crowds DSN QUEUES` is a worker of so many queues, which drains them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

import psycopg
import uvloop

from pgqueue import Postgres, Processors, Worker
from pgqueue.drivers.postgres.arrays import ints
from pgqueue.worker.until import Until
from tests.bench.explained import CLAIM, EXTEND, Connection, answered, claiming, spent, undone
from tests.bench.figure import Figure, ratios
from tests.bench.scene import Scene, script
from tests.databases import on_database

BATCH, IN_FLIGHT, QUEUES = 100, 5_000, 200
HIGH, USUAL, LOW = 0, 5, 9
POSITION = 5
FILL = """
insert into pgqueue.jobs (queue, priority, envelope)
select 'bench' || n %% %s, %s, '{"v": 1, "payload": null}' from generate_series(1, %s) n
"""
EVERY = "select id from pgqueue.jobs where lease is not null order by id limit %s"


def s8(scene: Scene) -> None:
    """Each crowd is held against the same without it."""
    _in_flight(scene)
    _empty_queues(scene)
    _full_queues(scene)
    _workers(scene)
    _lower_lanes(scene)


def _in_flight(scene: Scene) -> None:
    """Long jobs: one worker holds 5,000 leases, claims on, and extends all of them at a beat."""
    with _filled(scene, (1, USUAL, IN_FLIGHT + 10 * BATCH)) as conn:
        wanted = claiming({"bench0": BATCH}, BATCH)
        plain = undone(conn, CLAIM, wanted)
        jobs = conn.execute(CLAIM, claiming({"bench0": IN_FLIGHT}, IN_FLIGHT)).fetchall()
        behind = claiming({"bench0": BATCH}, BATCH, cursor=max(job[POSITION] for job in jobs))
        _pages(scene, f"{IN_FLIGHT:,} in flight", undone(conn, CLAIM, behind).pages, plain.pages)
        look = undone(conn, CLAIM, wanted)
        what = f"look past {IN_FLIGHT:,} in flight: {look.pages} pages"
        details = {"crowd": "in flight", "pages": look.pages}
        scene.show(Figure(id="S8", what=what, values=[look.ms], unit="ms", details=details))
        few, many = _extended(conn, scene.rounds, BATCH), _extended(conn, scene.rounds, IN_FLIGHT)
    what = f"extend {IN_FLIGHT:,} at once, a lease"
    scene.show(Figure(id="S8", what=what, values=many, unit="us"))
    scene.show(ratios("S8", many, few, f"{BATCH} at once", most=2.0))


def _extended(conn: Connection, rounds: int, number: int) -> list[float]:
    """Return the server's microseconds a lease."""
    ids = [id for (id,) in conn.execute(EVERY, [number])]
    leases = {"ids": ints(ids), "tokens": ints([1] * number), "lease": "1 minute"}
    return [1000 * spent(conn, EXTEND, leases).ms / number for _ in range(rounds)]


def _empty_queues(scene: Scene) -> None:
    """An idle worker, and one whose only jobs are in the queue that it looks at last."""
    one, every = {"bench199": BATCH}, {f"bench{n}": BATCH for n in range(QUEUES)}
    with _filled(scene) as conn:
        few, many = [], []
        for _ in range(scene.rounds):
            few.append(answered(conn, CLAIM, claiming(one, BATCH), 20))
            many.append(answered(conn, CLAIM, claiming(every, BATCH), 20))
    what = f"claim of nothing from {QUEUES} queues"
    scene.show(Figure(id="S8", what=what, values=many, unit="ms"))
    scene.show(ratios("S8", many, few, "nothing, from one queue"))
    with _filled(scene, (QUEUES, USUAL, QUEUES * BATCH)) as conn:
        conn.execute("delete from pgqueue.jobs where queue <> 'bench199'")
        conn.execute("vacuum analyze pgqueue.jobs")
        found = undone(conn, CLAIM, claiming(every, BATCH))
        plain = undone(conn, CLAIM, claiming(one, BATCH))
    # Ten lanes a queue are looked for, each down the index: a few pages for each of 2,000.
    what = f"claim, {QUEUES - 1} queues empty: {found.pages} pages"
    details = {"pages": found.pages, "pages_of_one": plain.pages}
    scene.show(Figure(id="S8", what=what, values=[found.ms], unit="ms", details=details))


def _full_queues(scene: Scene) -> None:
    with _filled(scene, (QUEUES, USUAL, QUEUES * BATCH)) as conn:
        every = {f"bench{n}": BATCH for n in range(QUEUES)}
        plain = undone(conn, CLAIM, claiming({"bench0": BATCH}, BATCH))
        found = undone(conn, CLAIM, claiming(every, BATCH))
    _pages(scene, f"{QUEUES} full queues", found.pages, plain.pages)


def _workers(scene: Scene) -> None:
    """What a job costs the worker's process: it says more to the server with every queue."""
    jobs = scene.pick(5_000, 50_000)
    cpu: dict[int, list[float]] = {1: [], QUEUES: []}
    for _ in range(scene.rounds):
        for queues, found in cpu.items():
            with _filled(scene, (queues, USUAL, jobs)) as conn:
                dsn = on_database(scene.server.dsn, conn.info.dbname)
                found.append(float(script(__name__, dsn, queues)) * 1e6 / jobs)
    for queues, found in cpu.items():
        what = f"a worker's CPU a job, queues: {queues}"
        scene.show(Figure(id="S8", what=what, values=found, unit="us"))
    scene.show(ratios("S8", cpu[QUEUES], cpu[1], "one queue, CPU a job", most=1.3))


def _lower_lanes(scene: Scene) -> None:
    """While higher jobs keep coming the lower ones wait, by contract; claims do not feel them."""
    crowd = scene.pick(200_000, 1_000_000)
    room = claiming({"bench0": BATCH}, BATCH)
    with _filled(scene, (1, HIGH, 10 * BATCH)) as conn:
        plain = undone(conn, CLAIM, room)
    with _filled(scene, (1, LOW, crowd), (1, HIGH, 10 * BATCH)) as conn:
        _pages(scene, f"{crowd:,} in a low lane", undone(conn, CLAIM, room).pages, plain.pages)
        conn.execute("delete from pgqueue.jobs where priority = %s", [HIGH])
        conn.execute("vacuum analyze pgqueue.jobs")
        found = undone(conn, CLAIM, room)
    _pages(scene, f"{crowd:,} low ones", found.pages, plain.pages)


@contextmanager
def _filled(scene: Scene, *crowds: tuple[int, int, int]) -> Iterator[Connection]:
    """Give a database with crowds in it, each so many queues, a priority, so many jobs."""
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        for crowd in crowds:
            conn.execute(FILL, crowd)
        conn.execute("vacuum analyze")
        yield conn


def _pages(scene: Scene, crowd: str, pages: int, plain: int) -> None:
    what = f"claim of {BATCH}, {crowd}: {pages} pages"
    details = {"crowd": crowd, "pages": pages, "pages_without": plain}
    ratio, unit = [pages / plain], "x pages without"
    scene.show(Figure(id="S8", what=what, values=ratio, unit=unit, most=1.2, details=details))


async def drain(dsn: str, queues: int) -> float:
    """Drain so many queues, and return the CPU seconds of this process."""
    processors = Processors()

    async def nothing(payload: object) -> None: ...

    for number in range(queues):
        processors.process(f"bench{number}")(nothing)
    started = process_time()
    await Worker(Postgres(dsn), include=[processors], concurrency=BATCH).run(Until(empty=True))
    return process_time() - started


if __name__ == "__main__":
    print(json.dumps(uvloop.run(drain(sys.argv[1], int(sys.argv[2])))))
