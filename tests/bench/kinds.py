"""S4 and S5 for every connection that a push takes: one job a transaction, and many in one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter

from pgqueue import Postgres
from tests.bench.figure import Figure
from tests.bench.scene import PAYLOAD, Round, Scene
from tests.drivers.connections import KINDS, Caller

Work = Callable[[Postgres, Caller], int]


def one_by_one(scene: Scene) -> None:
    """Push one and commit, again and again, on each kind of connection."""

    def push(pg: Postgres, caller: Caller) -> int:
        for _ in range(scene.pick(200, 1_000)):
            caller.run(pg.push("bench", PAYLOAD, on=caller.on))
            caller.run(caller.commit())
        return scene.pick(200, 1_000)

    _each(scene, "S4", "one", "jobs/s", push)


def many_at_once(scene: Scene) -> None:
    """Push many and commit, on each kind of connection."""

    def push(pg: Postgres, caller: Caller) -> int:
        pushed = caller.run(pg.push_many("bench", [PAYLOAD] * 2_000, on=caller.on))
        caller.run(caller.commit())
        return len(pushed)

    _each(scene, "S5", "2,000", "rows/s", push)


def _each(scene: Scene, id: str, what: str, unit: str, work: Work) -> None:
    with scene.database() as dsn:
        pg = Postgres(dsn)
        rounds: dict[str, Round] = {kind: partial(_rate, pg, dsn, kind, work) for kind in KINDS}
        for kind, values in scene.interleaved(id, rounds).items():
            details = {"connection": kind}
            what_kind = f"{what}, {kind}"
            scene.show(Figure(id=id, what=what_kind, values=values, unit=unit, details=details))


def _rate(pg: Postgres, dsn: str, kind: str, work: Work) -> float:
    with KINDS[kind](dsn) as caller:
        caller.run(pg.push("warm", PAYLOAD, on=caller.on))
        caller.run(caller.commit())
        started = perf_counter()
        done = work(pg, caller)
        return done / (perf_counter() - started)
