"""Exceptions that were raised in another process, made once more in this one."""

from __future__ import annotations

import contextlib
import pickle
from typing import Any

from pgqueue.outcome import Failure
from pgqueue.worker.child import Reply


def rebuilt(reply: Reply, failure: Failure) -> BaseException:
    """Return what was raised, or an exception of the same type that says the same.

    Where it was raised goes with it as a note.
    """
    loaded = _loaded(reply.error)
    error: BaseException = loaded if isinstance(loaded, BaseException) else _like(reply, failure)
    error.add_note(f"In its process:\n{failure.traceback}")
    return error


def _like(reply: Reply, failure: Failure) -> BaseException:
    kind, message = _loaded(reply.kind), failure.error.partition(": ")[2]
    members: dict[str, Any] = {"__init__": _nothing, "__str__": lambda _: message}
    if isinstance(kind, type) and issubclass(kind, BaseException):
        members |= {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        # Any of this may run code of the application's, and fail.
        with contextlib.suppress(BaseException):
            made: BaseException = type(kind.__name__, (kind,), members)()
            return made
    name = failure.error.partition(":")[0][:200]
    other: BaseException = type(name, (Exception,), members)()
    return other


def _nothing(*_: object) -> None: ...


def _loaded(data: bytes | None) -> Any:
    try:
        return None if data is None else pickle.loads(data)  # noqa: S301 - by our own process
    except BaseException:  # it runs code of the application's
        return None
