"""pgqueue: a Postgres-native job queue. Jobs commit with your data; dead letters are jobs too."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Each name is loaded when it is first used: importing pgqueue, or one module of it, costs next to
# nothing, and a producer never pays for the worker. Type checkers see the names here.
if TYPE_CHECKING:
    from pgqueue.answer import Discard, Redrive
    from pgqueue.backoff import Backoff, exponential, fixed, listed
    from pgqueue.config import Config
    from pgqueue.drivers import driver
    from pgqueue.drivers.memory import Memory
    from pgqueue.drivers.postgres import Postgres
    from pgqueue.drivers.sync import Sync
    from pgqueue.envelope import WIRE_FORMAT_VERSION
    from pgqueue.errors import (
        Abort,
        BackendError,
        ConfigError,
        LeaseLost,
        PayloadError,
        PgqueueError,
        RegistrationError,
        Rejected,
        RetryAfter,
        SchemaError,
        Snooze,
        Unavailable,
        UnsupportedOption,
    )
    from pgqueue.events import AttemptEnded, AttemptStarted, WorkerChanged
    from pgqueue.health import Health
    from pgqueue.job import Job, current_job
    from pgqueue.middleware import JobContext, Middleware
    from pgqueue.outcome import DeadLetter
    from pgqueue.processor import Processors
    from pgqueue.pushed import Ids, Pushed
    from pgqueue.queue import Queue
    from pgqueue.seam import JobProducer
    from pgqueue.topic import Topic
    from pgqueue.unique import Unique
    from pgqueue.worker import Worker

_HOMES = {
    "pgqueue.answer": "Discard Redrive",
    "pgqueue.backoff": "Backoff exponential fixed listed",
    "pgqueue.config": "Config",
    "pgqueue.drivers": "driver",
    "pgqueue.drivers.memory": "Memory",
    "pgqueue.drivers.postgres": "Postgres",
    "pgqueue.drivers.sync": "Sync",
    "pgqueue.envelope": "WIRE_FORMAT_VERSION",
    "pgqueue.errors": "Abort BackendError ConfigError LeaseLost PayloadError PgqueueError "
    "RegistrationError Rejected RetryAfter SchemaError Snooze Unavailable UnsupportedOption",
    "pgqueue.events": "AttemptEnded AttemptStarted WorkerChanged",
    "pgqueue.health": "Health",
    "pgqueue.job": "Job current_job",
    "pgqueue.middleware": "JobContext Middleware",
    "pgqueue.outcome": "DeadLetter",
    "pgqueue.processor": "Processors",
    "pgqueue.pushed": "Ids Pushed",
    "pgqueue.queue": "Queue",
    "pgqueue.seam": "JobProducer",
    "pgqueue.topic": "Topic",
    "pgqueue.unique": "Unique",
    "pgqueue.worker": "Worker",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pgqueue' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "WIRE_FORMAT_VERSION",
    "Abort",
    "AttemptEnded",
    "AttemptStarted",
    "BackendError",
    "Backoff",
    "Config",
    "ConfigError",
    "DeadLetter",
    "Discard",
    "Health",
    "Ids",
    "Job",
    "JobContext",
    "JobProducer",
    "LeaseLost",
    "Memory",
    "Middleware",
    "PayloadError",
    "PgqueueError",
    "Postgres",
    "Processors",
    "Pushed",
    "Queue",
    "Redrive",
    "RegistrationError",
    "Rejected",
    "RetryAfter",
    "SchemaError",
    "Snooze",
    "Sync",
    "Topic",
    "Unavailable",
    "Unique",
    "UnsupportedOption",
    "Worker",
    "WorkerChanged",
    "current_job",
    "driver",
    "exponential",
    "fixed",
    "listed",
]
