"""Which queues, and which dead letters, a worker claims from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pgqueue.errors import RegistrationError
from pgqueue.processor import Address, Processor


def queues_of(registry: Mapping[Address, Processor], asked: Sequence[str] | None) -> Sequence[str]:
    """Return what the storage calls them, in the order asked for; else queues, then the dead."""
    # A stable sort: within both kinds the order is that of the registrations.
    every = sorted(registry.values(), key=lambda one: one.dead_of is not None)
    known = {one.known_as: one.queue for one in every}
    known_too = {queue: queue for queue in known.values()}
    if asked is None:
        return list(known_too)
    names = known_too | known
    if missing := [name for name in asked if name not in names]:
        raise RegistrationError(
            f"no included processor for queue {', '.join(missing)}; "
            f"known: {', '.join(known) or 'none'}"
        )
    return list(dict.fromkeys(names[name] for name in asked))


def refuse_unkept(registry: Mapping[Address, Processor], keeps: Callable[[str], bool]) -> None:
    """Raise RegistrationError for a processor of dead letters that are not kept."""
    for one in registry.values():
        if one.dead_of is not None and not keeps(one.dead_of):
            raise RegistrationError(
                f"{one.label} processes the dead letters of {one.dead_of}, of which none are kept: "
                "dead_letters is none, by PGQUEUE_DEAD_LETTERS or for the queue in PGQUEUE_QUEUES; "
                "set it to keep, or leave the processor out"
            )
