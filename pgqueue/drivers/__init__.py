"""The places that know a storage, and how the settings choose one; it loads when it is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final, Protocol, Self, TypeVar

from pgqueue.config import Config
from pgqueue.errors import ConfigError
from pgqueue.queue import Queue
from pgqueue.seam import Driver, JobProducer

T = TypeVar("T")

BUILT_IN: Final = {
    "postgres": "pgqueue.drivers.postgres:Postgres",
    "memory": "pgqueue.drivers.memory:Memory",
    "sync": "pgqueue.drivers.sync:Sync",
}
GROUP: Final = "pgqueue.drivers"


class AnyDriver(Driver, JobProducer, Protocol):
    """What every driver can do, whichever the settings choose: push, and give a worker its jobs."""

    @property
    def queue(self) -> Queue[Any]:
        """The queue of pushes that name none."""
        ...

    def push(self, queue: Queue[T] | str, payload: T, **options: Any) -> Any:
        """Push one job; without options of its own the driver gives something to await."""
        ...

    def push_many(self, queue: Queue[T] | str, payloads: Iterable[T], **options: Any) -> Any:
        """Push a job for each payload, in their order."""
        ...

    async def __aenter__(self) -> Self:
        """Give the driver back."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        ...

    async def close(self) -> None:
        """Let go of what the driver holds."""
        ...


def driver(connection: str | Queue[Any] | None = None, /, **settings: Any) -> AnyDriver:
    """Make the driver of the default connection, or of a named one, as the settings say.

    A queue stands for the connection that declares it, under its `queues` or as its default.
    `settings` are those of `Config.load`. They are handed on, so whoever makes a driver of
    another kind gives its class `def __init__(self, **settings): Config.load(**settings)`.
    """
    if isinstance(connection, Queue):
        connection = Config.load(**settings).connection_of(connection.name)
    if connection is not None:
        settings["connection"] = connection
    name = Config.load(**settings).driver
    made: AnyDriver = _maker(name)(**settings)
    return made


def _maker(name: str) -> Callable[..., Any]:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
    from importlib.metadata import entry_points

    installed = {found.name: found for found in entry_points(group=GROUP)}
    if name not in installed:
        raise ConfigError(
            f"driver (PGQUEUE_DRIVER): there is no driver {name}; "
            f"there are {', '.join([*BUILT_IN, *installed])}; others are entry points {GROUP}"
        )
    try:
        return installed[name].load()  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"driver (PGQUEUE_DRIVER): {name} is {installed[name].value}, which cannot be "
            f"loaded: {type(error).__name__}: {error}"
        ) from error
