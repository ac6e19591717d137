"""Class-based processors: whose method a handler is, and where its instance comes from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pgqueue.errors import RegistrationError

Handler = Callable[..., Any]
Resolver = Callable[[type[Any]], Any]
"""Gives an instance of a class, for every attempt: an injector's `get`, or the class itself."""


@dataclass(frozen=True, slots=True)
class Host:
    """The class in whose body a handler stands; at registration it does not exist yet."""

    module: str
    qualname: str

    @classmethod
    def of(cls, handler: Handler) -> Host | None:
        """Return the host of a method, None for a function."""
        outer = handler.__qualname__.rpartition(".")[0]
        if not outer or outer.endswith("<locals>"):
            return None
        return cls(handler.__module__, outer)

    def hosts(self, instance: object) -> bool:
        """Return whether an instance is of this class, or of one derived from it."""
        return any(
            (one.__module__, one.__qualname__) == (self.module, self.qualname)
            for one in type(instance).__mro__
        )

    def find(self) -> type[Any]:
        """Return the class; one that is local to a function can only be bound."""
        found: Any = sys.modules[self.module]
        for part in self.qualname.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, type):
            raise RegistrationError(
                f"{self.module}.{self.qualname} cannot be looked up; bind an instance of it"
            )
        return found


def hosted(
    handler: Handler, host: Host | None, bound: Mapping[Host, object], resolver: Resolver | None
) -> Callable[[], Handler]:
    """Return what gives the handler of one argument; a resolver is asked in every attempt."""
    if host is None:
        return lambda: handler
    if host in bound:
        return partial(partial, handler, bound[host])
    if resolver is None:
        raise RegistrationError(
            f"{handler.__module__}.{handler.__qualname__} is a method: bind an instance of "
            f"{host.qualname} with processors.bind(…), or give the worker a resolver"
        )
    kind = host.find()
    return lambda: partial(handler, resolver(kind))
