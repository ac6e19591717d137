"""Handlers that another process can find: functions of a module, by their names."""

from __future__ import annotations

import importlib
from typing import Any

from pgqueue.errors import RegistrationError
from pgqueue.host import Handler

_ADVICE = 'run="process" needs a function that its process can import'


def check_place(handler: Handler) -> None:
    """Refuse a handler that no import can reach, whatever the module will look like."""
    place = f"{handler.__module__}.{handler.__qualname__}"
    if "<" in handler.__qualname__:
        raise RegistrationError(f"{place} is made inside of a function; {_ADVICE}: move it out")
    if "." in handler.__qualname__:
        raise RegistrationError(f"{place} is a method; {_ADVICE}, from its module alone")


def check_reachable(handler: Handler) -> None:
    """Refuse a handler that its module, now that it is complete, does not give under its name."""
    module, name = handler.__module__, handler.__qualname__
    if module == "__main__":
        raise RegistrationError(
            f"{name} is in the program that was started, which another process does not import; "
            f"{_ADVICE}: move it into a module"
        )
    try:
        known = found(module, name)
    except (ImportError, AttributeError):
        known = None
    if known is not handler:
        raise RegistrationError(
            f"{module}.{name} is not the handler that was registered; {_ADVICE} by that name: "
            "let process() be its outermost decorator, and do not hide its name"
        )


def found(module: str, name: str) -> Any:
    """Return what a module calls so, importing it."""
    return getattr(importlib.import_module(module), name)
