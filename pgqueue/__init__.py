"""pgqueue: a Postgres-native job queue. Jobs commit with your data; dead letters are jobs too."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pgqueue.answer import Discard, Redrive
from pgqueue.backoff import Backoff, exponential, fixed, listed
from pgqueue.config import Config
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

# A producer never needs the worker, and a worker of another driver never needs psycopg: both
# load on first use. Type checkers see them here.
if TYPE_CHECKING:
    from pgqueue.drivers import driver
    from pgqueue.drivers.memory import Memory
    from pgqueue.drivers.postgres import Postgres
    from pgqueue.drivers.sync import Sync
    from pgqueue.worker import Worker

_ON_FIRST_USE = {
    "Memory": "pgqueue.drivers.memory",
    "Postgres": "pgqueue.drivers.postgres",
    "Sync": "pgqueue.drivers.sync",
    "Worker": "pgqueue.worker",
    "driver": "pgqueue.drivers",
}


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        return getattr(import_module(_ON_FIRST_USE[name]), name)
    raise AttributeError(f"module 'pgqueue' has no attribute {name!r}")


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
