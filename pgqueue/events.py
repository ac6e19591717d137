"""What a worker tells its listeners: plain callables, called on its event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pgqueue.outcome import Outcome


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A claimed job is about to be run."""

    job: int
    queue: str
    name: str | None
    attempt: int
    processor: str


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt has an outcome; None: its lease was lost. `seconds` is how long it took."""

    job: int
    queue: str
    name: str | None
    attempt: int
    processor: str | None
    outcome: Outcome | None
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerChanged:
    """A worker has started or stopped."""

    worker: str
    state: Literal["started", "stopped"]


Event = AttemptStarted | AttemptEnded | WorkerChanged
Listener = Callable[[Event], None]
"""Must be quick; what it raises is logged, and harms nobody."""
