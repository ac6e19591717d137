"""Tells listeners what happens, and bears whatever they raise."""

from __future__ import annotations

from collections.abc import Iterable

from pgqueue.events import Event, Listener
from pgqueue.worker import journal


def announce(listeners: Iterable[Listener], event: Event) -> None:
    """Call every listener; one that raises keeps the event from no other."""
    for listener in listeners:
        try:
            listener(event)
        # Not Exception: an attempt whose listener raises SystemExit has to be settled all the same.
        except BaseException as error:
            journal.listener_failed(listener, error)
