"""`Queue`: the one artifact that producers and workers share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, overload

T = TypeVar("T")

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,47}")
_DEAD: Final = ".dead"


@dataclass(frozen=True, slots=True, init=False)
class Queue(Generic[T]):
    """A lane of jobs that carry one type of payload.

    `Queue("audio", Transcode)` is declared once and imported by both sides; without a type
    it carries any JSON value. Making one does no I/O.
    """

    name: str
    type: Any
    source: str | None

    @overload
    def __init__(self: Queue[Any], name: str) -> None: ...
    @overload
    def __init__(self: Queue[T], name: str, type: type[T]) -> None: ...  # noqa: A002
    def __init__(self, name: str, type: Any = Any) -> None:
        object.__setattr__(self, "name", check_name(name, "queue"))
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "source", None)

    @property
    def dead(self) -> Queue[T]:
        """The address of this queue's dead letters."""
        if self.source is not None:
            raise ValueError(f"queue {self.name!r}: dead letters have no dead letters")
        address: Queue[T] = object.__new__(Queue)
        object.__setattr__(address, "name", self.name + _DEAD)
        object.__setattr__(address, "type", self.type)
        object.__setattr__(address, "source", self.name)
        return address


def check_name(name: str, what: str) -> str:
    """Return the name if it can name a queue or a job; raise ValueError saying what can."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} name {name!r:.60} is not usable: use 1 to 48 letters, digits, "
            "_ . : or -, not starting with a sign"
        )
    if what == "queue" and name.endswith(_DEAD):
        raise ValueError(
            f"queue name {name!r}: names that end in {_DEAD} are addresses of dead letters; "
            f"use Queue({name.removesuffix(_DEAD)!r}, …).dead to process them"
        )
    return name
