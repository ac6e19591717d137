"""`Topic`: a name that several subscribers' queues receive copies from."""

from __future__ import annotations

import builtins
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from pgqueue.errors import RegistrationError, UnsupportedOption
from pgqueue.queue import Queue, checked_name, queue_name

T = TypeVar("T")


# Without slots, like Queue.
@dataclass(frozen=True, init=False)
class Topic(Generic[T]):
    """A name on which messages of one type are published; each subscriber gets its own copy.

    `Topic("user.created", UserCreated)` is declared once and imported by both sides; without a
    type it carries any JSON value. Making one does no I/O.
    """

    name: str
    type: Any

    @overload
    def __init__(self: Topic[Any], name: str) -> None: ...
    @overload
    def __init__(self, name: str, type: builtins.type[T]) -> None: ...
    def __init__(self, name: str, type: Any = Any) -> None:
        object.__setattr__(self, "name", queue_name(checked_name(name, "topic")))
        object.__setattr__(self, "type", type)

    @property
    def queue(self) -> Queue[T]:
        """The plain queue where its messages wait while nobody has subscribed."""
        return Queue(self.name, self.type)


def published(topic: Topic[Any] | str, options: Container[str]) -> Topic[Any]:
    """Return the topic of a publish; UnsupportedOption if that names its jobs."""
    found = Topic(topic) if isinstance(topic, str) else topic
    if not isinstance(found, Topic):
        raise TypeError(f"publish on {found!r:.80}: it is neither a Topic nor the name of one")
    if "name" in options:
        raise UnsupportedOption(
            f"publish on {found.name}: its jobs have the topic's name; leave out name"
        )
    return found


def event_topic(kind: builtins.type[T]) -> Topic[T]:
    """Return the topic that an event's class declares; RegistrationError if it declares none."""
    name = vars(kind).get("topic")
    if not isinstance(name, str):
        raise RegistrationError(
            f"{kind.__qualname__} declares no topic, under which its queued listeners would find "
            'it: give the class one, as in topic: ClassVar[str] = "user.created"'
        )
    return Topic(name, kind)


def dispatched_topic(event: object) -> Topic[Any] | None:
    """Return the topic of an event: of its class, else of the nearest one that declares any."""
    kinds = (kind for kind in type(event).__mro__ if isinstance(vars(kind).get("topic"), str))
    kind = next(kinds, None)
    return None if kind is None else event_topic(kind)
