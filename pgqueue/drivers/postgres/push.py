"""A push as a value: checked and sealed before any SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pgqueue import options
from pgqueue.config import Config
from pgqueue.drivers.postgres.statement import Statement, load
from pgqueue.options import read_options
from pgqueue.producer import sealed
from pgqueue.queue import Queue
from pgqueue.tracecontext import Carrier, active

__all__ = ["OPTIONS", "PushOptions", "all_sealed", "parameters", "sealed", "statement"]

PUSH = load("push", int)
PUSH_SCHEDULED = load("push_scheduled", int)
PUSH_MANY = load("push_many", int)
PUSH_MANY_SCHEDULED = load("push_many_scheduled", int)
RING = load("ring", bool)


class PushOptions(options.PushOptions, total=False):
    """What a push into PostgreSQL may say besides.

    `notify=False`: wake nobody, as PREPARE TRANSACTION needs it.
    """

    notify: bool


OPTIONS = frozenset(PushOptions.__annotations__)


def parameters(queue: Queue[Any], given: PushOptions) -> dict[str, Any]:
    """Return a push's options as the statements' parameters; what is wrong is named."""
    said = read_options(queue.name, given, driver="Postgres", known=OPTIONS)._asdict()
    if said["delay"] is None:
        del said["delay"], said["run_at"]
    return {"queue": queue.name, "notify": given.get("notify", True), **said}


def statement(parameters: Mapping[str, Any], *, many: bool) -> Statement[int]:
    """Choose where the job goes: to the runnable ones, or to those that wait."""
    if "delay" in parameters:
        return PUSH_MANY_SCHEDULED if many else PUSH_SCHEDULED
    return PUSH_MANY if many else PUSH


def all_sealed(
    queue: Queue[Any], payloads: Iterable[object], config: Config, carrier: Carrier | None
) -> list[str]:
    """Seal many payloads; one that cannot be sealed refuses them all."""
    context = active() if carrier is None else carrier
    return [sealed(queue, payload, config, context) for payload in payloads]
