"""Finds the application that MODULE:ATTR names, and says precisely why it cannot."""

from __future__ import annotations

import os
import sys
import tomllib
import traceback
from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

from pgqueue.drivers import driver
from pgqueue.errors import ConfigError, PgqueueError
from pgqueue.processor import Processors
from pgqueue.worker import Worker
from pgqueue_cli import settings

_MISSING = object()


def named(target: str | None) -> str:
    """Return MODULE:ATTR as it was given or configured."""
    if found := named_or_none(target):
        return found
    raise ConfigError(
        "no application is named: give MODULE:ATTR, such as app.main:worker, or set PGQUEUE_APP, "
        "or app under [tool.pgqueue] in pyproject.toml"
    )


def named_or_none(target: str | None) -> str | None:
    """Return MODULE:ATTR from the argument, PGQUEUE_APP or pyproject.toml, if any has it."""
    return target or os.environ.get("PGQUEUE_APP") or _from_pyproject(Path("pyproject.toml"))


def assembled(
    target: str | None,
    folder: Path,
    *,
    connection: str | None,
    dsn: str | None,
    flags: Mapping[str, Any],
) -> Worker:
    """Load the application's worker, and change in it what the command line says."""
    settings.into_environment(dsn)
    chosen = driver(connection, **settings.given(dsn=dsn)) if connection else None
    worker = load(named(target), folder)
    return changed(worker, settings.given(driver=chosen, **flags))


def load(target: str, folder: Path) -> Worker:
    """Import the application, from `folder` first, and return its worker.

    Processors become a worker of the default driver.
    """
    name, _, attribute = target.partition(":")
    if not attribute.isidentifier() or not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{target!r} is not MODULE:ATTR, such as app.main:worker")
    sys.path.insert(0, str(folder.resolve()))
    module = _imported(name, folder)
    value = getattr(module, attribute, _MISSING)
    if value is _MISSING:
        raise ConfigError(f"module {name} has no {attribute!r}; {_candidates(module)}")
    if isinstance(value, Worker):
        return value
    if isinstance(value, Processors):
        return Worker(driver(), include=[value])
    raise ConfigError(
        f"{target} is a {type(value).__name__}, not a Worker or Processors; {_candidates(module)}"
    )


def changed(worker: Worker, flags: Mapping[str, Any]) -> Worker:
    """Build the worker again with these arguments, and all others as the application gave them."""
    if not flags:
        return worker
    given = {name: getattr(worker, name) for name in signature(Worker).parameters}
    return Worker(**{**given, **flags})


def _from_pyproject(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        tables: Any = tomllib.loads(path.read_text("utf-8"))
        app = tables.get("tool", {}).get("pgqueue", {}).get("app")
    except (ValueError, OSError, AttributeError) as error:
        raise ConfigError(f"{path}: [tool.pgqueue] app cannot be read: {error}") from None
    if app is not None and not isinstance(app, str):
        raise ConfigError(f'{path}: app under [tool.pgqueue] must be text, "MODULE:ATTR"')
    return app


def _imported(name: str, folder: Path) -> ModuleType:
    try:
        return import_module(name)
    except PgqueueError:
        raise
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{name}.".startswith(f"{missing}."):
            raise ConfigError(
                f"cannot import {name}: there is no module {missing!r} in {folder.resolve()} or "
                "among the installed packages"
            ) from None
        _show(error)
        raise ConfigError(
            f"cannot import {name}: it raised {type(error).__name__}; its traceback is above"
        ) from None


def _show(error: BaseException) -> None:
    """Print a traceback that begins in the application, where the mistake is."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_globals.get("__name__") in (
        *(__name__, "importlib"),
        *("importlib._bootstrap", "importlib._bootstrap_external"),
    ):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


def _candidates(module: ModuleType) -> str:
    found = [
        f"{name} ({type(value).__name__})"
        for name, value in vars(module).items()
        if isinstance(value, Worker | Processors)
    ]
    return f"it has {', '.join(found)}" if found else "it has neither a Worker nor Processors"
