"""S1 and S2: no-op jobs are pushed first, then one worker process drains them."""

from __future__ import annotations

from functools import partial

from tests.bench import raw
from tests.bench.figure import Figure, ratios
from tests.bench.peers import OTHERS, PEERS, Peer
from tests.bench.scene import Round, Scene, script

OURS = "pgqueue"
# Claim and completion as two statements, and as one, which is what a saturated worker does.
RAW = {"raw loop": raw.drain, "raw loop, exchanging": raw.exchange}


def ours(scene: Scene, jobs: int, concurrency: int) -> float:
    """Return jobs a second of a worker of ours, in a process of its own."""
    with scene.database() as dsn:
        return float(script("tests.bench.adapters.ours", dsn, jobs, concurrency)["drain"])


def theirs(scene: Scene, peer: Peer, jobs: int, concurrency: int, *, rate: str = "drain") -> float:
    """Return jobs a second of another queue, in its own environment; `rate` may be push."""
    module = f"tests.bench.adapters.{peer.adapter}"
    python = peer.python()
    with scene.database(migrated=False) as dsn:
        arguments = (dsn, jobs, concurrency, *peer.options)
        return float(script(module, *arguments, python=python)[rate])


def peers(scene: Scene) -> tuple[Peer, ...]:
    """Return those that take part: in a short run only those that matter most."""
    return PEERS + OTHERS if scene.full else PEERS


def s1(scene: Scene) -> None:
    """Concurrency 100, against the peers and against the raw loop."""
    jobs = scene.pick(20_000, 50_000)
    variants = _variants(scene, jobs, 100)
    for peer in peers(scene):
        variants[peer.name] = partial(theirs, scene, peer, scene.pick(peer.short, peer.full), 100)
    found = scene.interleaved("S1", variants)
    _rates(scene, "S1", found, 100)
    if OURS not in found:
        return
    goals = {peer.name: peer.least for peer in peers(scene)} | dict.fromkeys(RAW, 0.35)
    for name, rates in found.items():
        if name != OURS:
            scene.show(ratios("S1", found[OURS], rates, name, least=goals[name]))


def s2(scene: Scene) -> None:
    """Concurrency 1, 5 and 20, against the raw loop of the same batch."""
    for concurrency, short, full in ((1, 2_000, 5_000), (5, 8_000, 20_000), (20, 20_000, 50_000)):
        jobs = scene.pick(short, full)
        found = scene.interleaved("S2", _variants(scene, jobs, concurrency))
        _rates(scene, "S2", found, concurrency)
        for name in [one for one in RAW if one in found and OURS in found]:
            at = f"{name} at batch {concurrency}"
            scene.show(ratios("S2", found[OURS], found[name], at, least=0.8))


def _variants(scene: Scene, jobs: int, concurrency: int) -> dict[str, Round]:
    variants: dict[str, Round] = {OURS: partial(ours, scene, jobs, concurrency)}
    for name, loop in RAW.items():
        variants[name] = partial(raw.rate, scene, loop, jobs, concurrency)
    return variants


def _rates(scene: Scene, id: str, found: dict[str, list[float]], concurrency: int) -> None:
    for name, values in found.items():
        what = f"drain at concurrency {concurrency}: {name}"
        details = {"variant": name, "concurrency": concurrency}
        scene.show(Figure(id=id, what=what, values=values, unit="jobs/s", details=details))
