"""`Audience`: who in this process hears what a producer publishes or dispatches."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from pgqueue.errors import RegistrationError
from pgqueue.host import Handler, hosted
from pgqueue.processor import Processors
from pgqueue.topic import Topic, dispatched_topic


class Told(NamedTuple):
    """An inline listener, ready to be called."""

    label: str
    is_async: bool
    call: Handler


class Audience:
    """The sets of processors that were included beside a producer."""

    def __init__(self) -> None:
        self._included: dict[Processors, None] = {}

    def include(self, *sets: Processors) -> None:
        """Add sets; one that is there already is not added twice."""
        self._included |= dict.fromkeys(sets)

    def queues(self, topic: str) -> Sequence[str]:
        """Return the queues of the included subscribers of a topic."""
        return sorted({one.queue for set_ in self._included for one in set_ if one.topic == topic})

    def of_event(self, event: object) -> tuple[Sequence[Told], Topic[object] | None]:
        """Return an event's inline listeners and its topic; refuse what nobody could ever hear."""
        inline = [
            Told(one.label, one.is_async, hosted(one.handler, one.host, set_.bound, None)())
            for set_ in self._included
            for one in set_.listeners
            if isinstance(event, one.event)
        ]
        topic = dispatched_topic(event)
        if topic is None and not self._included:
            raise RegistrationError(
                f"nobody can hear {type(event).__qualname__}: it declares no topic, and no "
                "listeners are included here; call include(processors) before"
            )
        return inline, topic


class Including:
    """What every producer has that tells several at once: it knows who listens in its process."""

    @cached_property
    def audience(self) -> Audience:
        """Who was included."""
        return Audience()

    def include(self, *sets: Processors) -> None:
        """Know the subscribers and listeners of these sets; making a Worker with them does it."""
        self.audience.include(*sets)


async def tell(inline: Sequence[Told], event: object) -> None:
    """Call inline listeners, one after the other."""
    for one in inline:
        answer = one.call(event)
        if inspect.isawaitable(answer):
            await answer


def tell_blocking(inline: Sequence[Told], event: object) -> None:
    """Call inline listeners where nothing can be awaited; TypeError, and no call, if one has to."""
    if waiting := [one.label for one in inline if one.is_async]:
        raise TypeError(
            f"{type(event).__qualname__} is dispatched on a blocking connection, but its listener "
            f"{waiting[0]} is async: dispatch it in async code, or give that listener a queue"
        )
    for one in inline:
        one.call(event)
