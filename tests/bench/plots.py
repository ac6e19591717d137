"""Pictures of a run, from its lines: `python -m tests.bench.plots bench.jsonl [FOLDER]`.

Drawn in the peers' environment, the only one that has matplotlib. A picture whose figures are not
in the lines is not drawn, and said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]
OURS, THEIRS, DIM = "#1f6feb", "#8b949e", "#d0d7de"
FOLDER = Path("docs", "benchmarks")


def newest(lines: Sequence[Line], id: str, *, key: str) -> list[Line]:
    """Return the lines of a figure that have the key, the newest of each name."""
    found = {line["what"]: line for line in lines if line["id"] == id and key in line}
    return list(found.values())


def peers(lines: Sequence[Line], axes: Any) -> bool:
    """Draw the drain of each queue; ours is blue."""
    found = [one for one in newest(lines, "S1", key="variant") if one.get("concurrency") == 100]
    found.sort(key=lambda one: one["value"])
    names = [one["variant"] for one in found]
    values = [one["value"] for one in found]
    errors = [
        [one["value"] - one["low"] for one in found],
        [one["high"] - one["value"] for one in found],
    ]
    colours = {"pgqueue": OURS, "raw loop": DIM, "raw loop, exchanging": DIM}
    bars = axes.barh(
        names,
        values,
        xerr=errors,
        color=[colours.get(name, THEIRS) for name in names],
        ecolor="#57606a",
    )
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=26)
    axes.set_xlim(0, max((one["high"] for one in found), default=1) * 1.2)
    axes.set_title("No-op jobs drained by one worker process, concurrency 100")
    axes.set_xlabel("jobs a second (median; lines: lowest and highest round)")
    return bool(found)


def held(lines: Sequence[Line], axes: Any) -> bool:
    """Draw how long both kinds of claims take while another session keeps its snapshot."""
    found, looks = newest(lines, "S7", key="series"), newest(lines, "S7", key="looks")
    for one in found[-1:]:
        label = f"from the cursor, {one['rate']:,} jobs/s, PostgreSQL {one['postgres']}"
        axes.plot(*zip(*one["series"], strict=True), color=OURS, label=label)
    for one in looks[-1:]:
        label = "from the start, a twentieth of the time"
        axes.plot(*zip(*one["looks"], strict=True), ".", color=THEIRS, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda ms, _: f"{ms:g}")
    axes.legend(frameon=False)
    axes.set_title("Claim of 100 jobs while another session holds xmin")
    axes.set_xlabel("seconds since the snapshot was taken")
    axes.set_ylabel("ms (line: median of each interval)")
    return bool(found)


def pushes(lines: Sequence[Line], axes: Any) -> bool:
    """Draw pushes and bare INSERTs against the number of producers."""
    found = newest(lines, "S4", key="producers")
    for variant, colour in (("insert", THEIRS), ("push", OURS)):
        some = sorted((one for one in found if one["variant"] == variant), key=_producers)
        shown = [one["producers"] for one in some]
        axes.plot(shown, [one["value"] for one in some], "o-", color=colour, label=variant)
        axes.fill_between(
            shown,
            [one["low"] for one in some],
            [one["high"] for one in some],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    axes.set_xscale("log", base=2)
    ticks = sorted({one["producers"] for one in found})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_ylim(0)
    axes.legend(frameon=False)
    axes.set_title("One job a transaction, against a bare INSERT")
    axes.set_xlabel("producers")
    axes.set_ylabel("a second (median; shade: all rounds)")
    return bool(found)


def pickup(lines: Sequence[Line], axes: Any) -> bool:
    """Draw which part of the jobs has started after so many milliseconds."""
    found = newest(lines, "S6", key="samples")
    names = {"worker": "commit to start of the handler", "listener": "a bare LISTEN and NOTIFY"}
    for one in found:
        samples = sorted(one["samples"])
        shares = [100 * (n + 1) / len(samples) for n in range(len(samples))]
        colour = OURS if one["variant"] == "worker" else THEIRS
        axes.step(samples, shares, color=colour, where="post", label=names[one["variant"]])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda ms, _: f"{ms:g}")
    axes.xaxis.set_minor_formatter(lambda ms, _: f"{ms:g}" if f"{ms:e}"[0] in "245" else "")
    axes.axhline(99, color=DIM, linestyle="--", zorder=0)
    axes.text(axes.get_xlim()[0], 99, " 99 %", va="bottom", fontsize=8, color="#57606a")
    axes.set_ylim(0, 104)
    axes.legend(frameon=False, loc="lower right")
    axes.set_title("From the commit of a push to its start, in an idle worker")
    axes.set_xlabel("ms")
    axes.set_ylabel("% of jobs")
    return bool(found)


def _producers(line: Line) -> int:
    return int(line["producers"])


PICTURES: Mapping[str, Callable[[Sequence[Line], Any], bool]] = {
    "peers": peers,
    "held-xmin": held,
    "push": pushes,
    "pickup": pickup,
}


def draw(lines: Sequence[Line], folder: Path) -> None:
    """Write a picture for each kind of figure that was measured."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        figure, axes = pyplot.subplots(figsize=(8, 4.2), layout="constrained")
        axes.spines[["top", "right"]].set_visible(False)
        if picture(lines, axes):
            source = lines[-1]
            said = f"PostgreSQL {source['postgres']}, {source['cores']} cores, {source['at'][:10]}"
            figure.supxlabel(said, fontsize=8, color="#57606a", x=0.99, ha="right")
            figure.savefig(folder / f"{name}.png", dpi=120)
            print(folder / f"{name}.png")
        else:
            print(f"{name}: the lines have no such figure")
        pyplot.close(figure)


def main() -> None:
    """Draw, in the environment that can."""
    lines, folder = Path(sys.argv[1]), Path(*(sys.argv[2:3] or [str(FOLDER)]))
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        from tests.bench.peers import environment

        python = environment("peers.txt")
        subprocess.run([str(python), "-m", __spec__.name, str(lines), str(folder)], check=True)
        return
    draw([json.loads(line) for line in lines.read_text().splitlines()], folder)


if __name__ == "__main__":
    main()
