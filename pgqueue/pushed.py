"""What a push returns: the ids of its jobs, which know whether they are new ones."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Self, overload


class Pushed(int):
    """A job's id; `created` is False when a unique push has found the job that holds its key."""

    created: bool = True

    @classmethod
    def of(cls, id: int, created: bool = True) -> Self:
        """Make one of a row."""
        pushed = cls(id)
        if not created:
            pushed.created = False
        return pushed


class Ids(Sequence[Pushed]):
    """The ids of many pushes in their order, eight bytes each; equal to a list of the same ids."""

    def __init__(self) -> None:
        self._ids = array("q")
        self._found: set[int] = set()

    def extend(self, pushed: Sequence[int]) -> None:
        """Take the ids of the pushes that came next."""
        start = len(self._ids)
        self._ids.extend(pushed)
        if not pushed or not isinstance(pushed[0], Pushed):  # copied: all of them are new
            return
        self._found.update(
            n for n, one in enumerate(pushed, start) if isinstance(one, Pushed) and not one.created
        )

    @property
    def created(self) -> int:
        """How many of them are new jobs; the others have found the one that holds their key."""
        return len(self._ids) - len(self._found)

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, at: int) -> Pushed: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Pushed]: ...
    def __getitem__(self, at: int | slice) -> Pushed | Sequence[Pushed]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        return Pushed.of(self._ids[at], at % len(self) not in self._found)

    def __iter__(self) -> Iterator[Pushed]:
        return (Pushed.of(one, n not in self._found) for n, one in enumerate(self._ids))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(map(int.__eq__, self._ids, other))

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"Ids({len(self)} jobs, {self.created} new)"
