"""S4 and S5: pushing one job in a transaction of its own, and many in one."""

from __future__ import annotations

from functools import partial
from time import perf_counter

import psycopg

from pgqueue import Postgres
from pgqueue.drivers.postgres.listener import TAKE_BELLS
from pgqueue.drivers.postgres.statement import run
from tests.bench import kinds
from tests.bench.drain import peers, theirs
from tests.bench.figure import Figure, ratios
from tests.bench.producers import ENVELOPE, LIKE
from tests.bench.scene import PAYLOAD, Round, Scene, script

# A sleeping worker wakes at the first bell and lets go of it: one that never does is the worst.
RINGING = "push and ring"


def s4(scene: Scene) -> None:
    """Push one against a bare INSERT into a table like ours, while no worker is idle, or one is."""
    for producers in (1, 2, 4, 8, 16, 32) if scene.full else (1, 4, 16):
        variants: dict[str, Round] = {
            kind: partial(_one, scene, kind, producers) for kind in ("push", RINGING, "insert")
        }
        found = scene.interleaved("S4", variants)
        for name, values in found.items():
            what = f"{name} one, {producers} producers"
            details = {"variant": name, "producers": producers}
            scene.show(Figure(id="S4", what=what, values=values, unit="jobs/s", details=details))
        least = 0.8 if producers <= 16 else 0.7
        name = f"INSERT, {producers} producers"
        scene.show(ratios("S4", found["push"], found["insert"], name, least=least))
        scene.show(ratios("S4", found[RINGING], found["insert"], f"{name}, each rings"))
    kinds.one_by_one(scene)


def _one(scene: Scene, kind: str, producers: int) -> float:
    with scene.database() as dsn:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(LIKE)
            if kind == RINGING:
                assert run(conn, TAKE_BELLS, {"queues": ["bench"]}) == [True]
            does = kind.partition(" ")[0]
            found = script("tests.bench.producers", dsn, does, producers, scene.pick(1, 5))
        return float(found["rate"])


def s5(scene: Scene) -> None:
    """Push many against COPY in binary into a table like ours, and against every peer."""
    for size in (1_000, 10_000):
        variants: dict[str, Round] = {
            "push_many": partial(_many, scene, size),
            "COPY": partial(_copy, scene, size),
        }
        found = scene.interleaved("S5", variants)
        for name, values in found.items():
            what = f"{size:,} rows: {name}"
            details = {"variant": name, "size": size}
            scene.show(Figure(id="S5", what=what, values=values, unit="rows/s", details=details))
        ratio = ratios("S5", found["push_many"], found["COPY"], f"COPY of {size:,}", least=0.8)
        scene.show(ratio)
    kinds.many_at_once(scene)
    _against_peers(scene, scene.pick(2_000, 10_000))


def _against_peers(scene: Scene, size: int) -> None:
    variants: dict[str, Round] = {"pgqueue": lambda: _many(scene, size)}
    for peer in peers(scene):
        variants[peer.name] = partial(theirs, scene, peer, size, 0, rate="push")
    found = scene.interleaved("S5", variants)
    for name, values in found.items():
        what = f"{size:,} rows: {name}"
        details = {"variant": name, "size": size, "peers": True}
        scene.show(Figure(id="S5", what=what, values=values, unit="rows/s", details=details))
    for name, values in found.items():
        if name != "pgqueue":
            scene.show(ratios("S5", found["pgqueue"], values, f"{name}, many", least=1.0))


def _many(scene: Scene, size: int) -> float:
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        payloads = [PAYLOAD] * size
        pg = Postgres(dsn)
        pg.push_many("warm", payloads[:100], on=conn)
        started = perf_counter()
        pg.push_many("bench", payloads, on=conn)
        return size / (perf_counter() - started)


def _copy(scene: Scene, size: int) -> float:
    with scene.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(LIKE)
        document = b"\x01" + ENVELOPE.encode()
        started = perf_counter()
        with (
            conn.cursor() as cursor,
            cursor.copy("copy plain (queue, envelope) from stdin (format binary)") as copy,
        ):
            copy.set_types(["text", "bytea"])
            for _ in range(size):
                copy.write_row(("bench", document))
        return size / (perf_counter() - started)
