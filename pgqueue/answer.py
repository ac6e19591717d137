"""What a processor of dead letters may return, to say what becomes of the letter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pgqueue import durations
from pgqueue.durations import Duration
from pgqueue.queue import Queue, queue_name


@dataclass(frozen=True, slots=True, init=False)
class Redrive:
    """The dead job runs again with a fresh budget: same id and envelope, its failures kept.

    At once or after `delay`; in the queue where it died, or in another one.
    """

    delay: timedelta | None
    queue: str | None

    def __init__(
        self, *, delay: Duration | None = None, queue: Queue[Any] | str | None = None
    ) -> None:
        wait = None if delay is None else durations.parse(delay, field="Redrive.delay")
        name = queue.name if isinstance(queue, Queue) else queue
        object.__setattr__(self, "delay", wait or None)
        object.__setattr__(self, "queue", None if name is None else queue_name(name))


@dataclass(frozen=True, slots=True)
class Discard:
    """The dead job is deleted."""
