"""`Queue`: the one artifact that producers and workers share."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, overload

T = TypeVar("T")

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,47}")
_DEAD: Final = ".dead"


# Without slots: with them a frozen dataclass could not be made as Queue[int]("a", int).
@dataclass(frozen=True, init=False)
class Queue(Generic[T]):
    """A lane of jobs that carry one type of payload.

    `Queue("audio", Transcode)` is declared once and imported by both sides; without a type
    it carries any JSON value. Making one does no I/O.
    """

    name: str
    type: Any

    @overload
    def __init__(self: Queue[Any], name: str) -> None: ...
    @overload
    def __init__(self, name: str, type: builtins.type[T]) -> None: ...
    def __init__(self, name: str, type: Any = Any) -> None:
        object.__setattr__(self, "name", queue_name(name))
        object.__setattr__(self, "type", type)


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
