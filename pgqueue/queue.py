"""`Queue`: the one artifact that producers and workers share."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from typing import Any, Final, Generic, NoReturn, TypeVar, overload

T = TypeVar("T")

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,47}")
_DEAD: Final = ".dead"


# Without slots: with them a frozen dataclass could not be made as Queue[int]("a", int).
@dataclass(frozen=True, init=False)
class Queue(Generic[T]):
    """A lane of jobs that carry one type of payload.

    `Queue("audio", Transcode)` is declared once and imported by both sides; without a type
    it carries any JSON value. Its dead letters have an address, `audio.dead`, which
    `dead_letter` may call by another name. Making one does no I/O.
    """

    name: str
    type: Any
    dead_letter: str | None

    @overload
    def __init__(self: Queue[Any], name: str, *, dead_letter: str | None = None) -> None: ...
    @overload
    def __init__(
        self, name: str, type: builtins.type[T], *, dead_letter: str | None = None
    ) -> None: ...
    def __init__(self, name: str, type: Any = Any, *, dead_letter: str | None = None) -> None:
        object.__setattr__(self, "name", queue_name(name))
        object.__setattr__(self, "type", type)
        if dead_letter is not None:
            dead_letter = dead_letter_name(name, dead_letter)
        object.__setattr__(self, "dead_letter", dead_letter)

    @property
    def dead(self) -> DeadQueue[T]:
        """The address of its dead letters, for processors and workers; nobody pushes there."""
        return DeadQueue(self.dead_letter or dead_address(self.name), self.type, self.name)


@dataclass(frozen=True)
class DeadQueue(Generic[T]):
    """The address of the dead letters of `queue`, as `Queue.dead` gives it.

    `name` is what people call it, in logs and in lists of queues.
    """

    name: str
    type: Any
    queue: str

    @property
    def address(self) -> str:
        """What the storage calls it, whatever its name."""
        return dead_address(self.queue)


def dead_address(queue: str) -> str:
    """Return what the storage calls the dead letters of a queue."""
    return f"{queue}{_DEAD}"


def dead_source(address: str) -> str | None:
    """Return whose dead letters a storage's address means; None for a queue."""
    return address.removesuffix(_DEAD) if address.endswith(_DEAD) else None


def named(address: str) -> Queue[Any] | DeadQueue[Any]:
    """Return what a bare name means: a queue, or the dead letters of one."""
    if isinstance(address, str) and address.endswith(_DEAD):
        return Queue(address.removesuffix(_DEAD)).dead
    return Queue(address)


def refuse_address(address: object) -> NoReturn:
    """Raise what a push gets that was given no queue."""
    if isinstance(address, DeadQueue):
        raise ValueError(
            f"push to {address.name}: it is the address of the dead letters of {address.queue}, "
            f"where only dying jobs go; push to {address.queue}"
        )
    raise TypeError(f"push to {address!r:.80}: it is neither a Queue nor the name of one")


def dead_letter_name(queue: str, name: str) -> str:
    """Return the name if it can name the dead letters of a queue; raise ValueError otherwise."""
    if name == dead_address(queue):
        return name
    if queue_name(name) == queue:
        raise ValueError(f"dead_letter {name!r} is the queue itself; give another name")
    return name


def queue_name(name: str) -> str:
    """Return the name if it can name a queue; raise ValueError saying what can."""
    if checked_name(name, "queue").endswith(_DEAD):
        raise ValueError(
            f"queue name {name!r}: names that end in {_DEAD} are addresses of dead letters"
        )
    return name


def checked_name(name: str, what: str) -> str:
    """Return the name if it can name `what`, a queue or a job; raise ValueError otherwise."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} name {name!r:.60} is not usable: use 1 to 48 letters, digits, "
            "_ . : or -, not starting with a sign"
        )
    return name
