"""`pgqueue processors`: what a worker would run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from pgqueue.config import Config
from pgqueue.processor import Processor, Processors
from pgqueue_cli.options import AppDir, Application, Json


def processors(
    target: Application = None, *, as_json: Json = False, app_dir: AppDir = Path()
) -> None:
    """List what a worker includes, and what it does not."""
    from pgqueue_cli import application, settings
    from pgqueue_cli.terminal import print_json, print_table

    settings.into_environment(None)
    worker = application.load(application.named(target), app_dir)
    config = worker.driver.config
    total = worker.concurrency or config.concurrency
    rows = [_row(one, total, config, included=True) for s in worker.include for one in s]
    rows += [
        _row(one, total, config, included=False)
        for found in _imported()
        if not any(found is included for included in worker.include)
        for one in found
    ]
    if as_json:
        for row in rows:
            print_json(row)
        return
    if not rows:
        typer.echo("no processors", err=True)
        return
    shown = [{**row, "included": "" if row["included"] else "not included"} for row in rows]
    headings = [*list(rows[0])[:-1], ""]
    print_table(headings, [list(row.values()) for row in shown], elastic=("label", "queue", "name"))


def _row(one: Processor, concurrency: int, config: Config, *, included: bool) -> dict[str, Any]:
    return {
        "label": one.label,
        "queue": one.known_as,
        "name": one.name,
        "concurrency": one.concurrency or concurrency,
        "attempts": one.policy.over(config.limits(one.queue)).attempts,
        "included": included,
    }


def _imported() -> Iterator[Processors]:
    """Yield every set that is a global of some imported module, once."""
    seen: dict[int, Processors] = {}
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if isinstance(value, Processors):
                seen[id(value)] = value
    yield from seen.values()
