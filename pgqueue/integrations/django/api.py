"""The tasks framework that is there: Django's own since 6.0, before that its backport."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final


def _tasks() -> Any:
    try:
        return import_module("django.tasks")
    except ModuleNotFoundError as error:
        if error.name != "django.tasks":
            raise
        return import_module("django_tasks")


tasks: Final = _tasks()


def _part(name: str) -> Any:
    return import_module(f"{tasks.__name__}.{name}")


signals: Final = _part("signals")
BaseTaskBackend: Final[Any] = _part("backends.base").BaseTaskBackend
base: Final = _part("base")

_exceptions = _part("exceptions")
TaskResultDoesNotExist: Final[Any] = _exceptions.TaskResultDoesNotExist
InvalidTask: Final[Any] = getattr(_exceptions, "InvalidTask", None) or _exceptions.InvalidTaskError
InvalidTaskBackend: Final[Any] = (
    getattr(_exceptions, "InvalidTaskBackend", None) or _exceptions.InvalidTaskBackendError
)
