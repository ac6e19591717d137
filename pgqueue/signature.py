"""What a handler takes, read from its signature at its registration."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from pgqueue.errors import RegistrationError
from pgqueue.host import Handler
from pgqueue.job import Job


def parameter(
    handler: Handler, carried: Any, by: str, *, method: bool, raw: bool = False
) -> tuple[bool, Any]:
    """Return whether a handler takes a `Job`, and the payload type that it will be given.

    `carried` is the type of what comes, and `by` says from where. `raw`: a `Job[Any]` gets what
    came as it is, whether it is of that type or not.
    """
    label = f"{handler.__module__}.{handler.__qualname__}"
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise RegistrationError(f"{label} yields, so calling it runs nothing; a handler returns")
    parameters = list(inspect.signature(handler).parameters.values())[method:]
    try:
        inspect.Signature(parameters).bind(None)
    except TypeError as error:
        raise RegistrationError(
            f"{label} cannot be called with one argument ({error}); a handler takes the payload "
            "or a Job, and nothing else that has no default"
        ) from None
    annotation = _annotation(handler, parameters[0].name, label)
    takes_job = annotation is Job or typing.get_origin(annotation) is Job
    if raw and takes_job and typing.get_args(annotation) == (Any,):
        return True, Any
    wanted = next(iter(typing.get_args(annotation)), Any) if takes_job else annotation
    if wanted is not Any and carried is not Any and wanted != carried:
        raise RegistrationError(
            f"{label} takes {_shown(wanted)}, but {by} carries {_shown(carried)}"
        )
    return takes_job, carried if wanted is Any else wanted


def _annotation(handler: Handler, name: str, label: str) -> Any:
    try:
        return typing.get_type_hints(handler).get(name, Any)
    except NameError as error:
        raise RegistrationError(
            f"{label}: the annotation of {name!r} cannot be resolved ({error}); "
            "define or import the type at module level, before the handler"
        ) from None


def _shown(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else str(kind)
