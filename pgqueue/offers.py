"""What a driver's source may offer besides: a worker looks whether it does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol, runtime_checkable


@runtime_checkable
class Subscribing(Protocol):
    """What a source may offer besides: to keep the subscriptions of topics for every producer."""

    async def subscribe(self, pairs: Collection[tuple[str, str]]) -> None:
        """Remember that these queues want copies of what is published on these topics.

        Each pair is a topic and a queue; one that is known already changes nothing.
        """
        ...


class Swept(NamedTuple):
    """A job whose time to start had passed before any attempt started; not `kept`, it is gone."""

    id: int
    queue: str
    name: str | None
    attempt: int
    kept: bool


@runtime_checkable
class Sweeping(Protocol):
    """What a source may offer besides: to look for what no claim would find, in any queue."""

    async def sweep(self) -> Sequence[Swept]:
        """Bury the jobs whose time to start has passed, also those of queues not served here."""
        ...


@runtime_checkable
class Watching(Protocol):
    """What a source may offer besides: to say what it suffers from while it works on."""

    @property
    def troubles(self) -> Sequence[str]:
        """What an operator should know now, such as "degraded: polling"."""
        ...
