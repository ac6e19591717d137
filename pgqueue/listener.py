"""Inline listeners: functions that are called with an event when it is dispatched."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from pgqueue.errors import RegistrationError
from pgqueue.host import Handler, Host
from pgqueue.signature import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineListener:
    """A function that hears events of one class, and of those derived from it."""

    label: str
    event: type[Any]
    is_async: bool
    handler: Handler = field(repr=False)
    host: Host | None

    @classmethod
    def of(cls, handler: Handler, event: type[Any]) -> InlineListener:
        """Check a function's signature, and make it a listener."""
        if not inspect.isroutine(handler):
            raise RegistrationError(f"{handler!r:.80} is no function; decorate one, or a method")
        label = f"{handler.__module__}.{handler.__qualname__}"
        host = Host.of(handler)
        by = f"event {event.__qualname__}"
        takes_job, _ = parameter(handler, event, by, method=host is not None)
        if takes_job:
            raise RegistrationError(
                f"{label} takes a Job, but an inline listener runs for none; give it the event, "
                "or a queue"
            )
        return cls(
            label=label,
            event=event,
            is_async=inspect.iscoroutinefunction(handler),
            handler=handler,
            host=host,
        )
