"""What the dead letters of each queue are called, in all that a worker includes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pgqueue.errors import RegistrationError
from pgqueue.queue import dead_address


class Declaring(Protocol):
    """A processor, as far as it says where dead letters are addressed to."""

    @property
    def label(self) -> str:
        """Who it is."""
        ...

    @property
    def queue(self) -> str:
        """What the storage calls its queue."""
        ...

    @property
    def dead_of(self) -> str | None:
        """Whose dead letters it processes; None: it processes jobs."""
        ...

    @property
    def dead_letter(self) -> str | None:
        """The name that it gives the dead letters of its queue, if it gives one."""
        ...


def dead_names(processors: Sequence[Declaring]) -> Mapping[str, str]:
    """Return the names of dead addresses that were renamed, by what the storage calls them.

    Two names for one queue are refused, one name for two, and a name that is a queue's own.
    """
    said: dict[str, Declaring] = {}
    owners: dict[str, Declaring] = {}
    for one in processors:
        if one.dead_letter is not None:
            _agreed(said.setdefault(_address(one), one), one)
            _alone(owners.setdefault(one.dead_letter, one), one)
    for one in processors:
        if one.dead_of is None and (owner := owners.get(one.queue)):
            raise RegistrationError(
                f"{one.label} processes queue {one.queue}, but {owner.label} gives that name to "
                f"the dead letters of {_source(owner)}: to process these, name them by the "
                "queue's .dead; otherwise rename one"
            )
    return {address: one.dead_letter or address for address, one in said.items()}


def _agreed(first: Declaring, second: Declaring) -> None:
    if first.dead_letter != second.dead_letter:
        raise RegistrationError(
            f"the dead letters of {_source(first)} have two names: {first.dead_letter} by "
            f"{first.label}, and {second.dead_letter} by {second.label}; declare the name once, "
            "with the queue"
        )


def _alone(first: Declaring, second: Declaring) -> None:
    if _source(first) != _source(second):
        raise RegistrationError(
            f"{first.dead_letter} names the dead letters of {_source(first)} by {first.label}, "
            f"and those of {_source(second)} by {second.label}; give one of them another name"
        )


def _source(one: Declaring) -> str:
    return one.dead_of or one.queue


def _address(one: Declaring) -> str:
    return dead_address(_source(one))
