"""Every failure pgqueue names, and the verdicts a handler may raise.

PgqueueError
├── ConfigError          a setting that cannot be used
├── RegistrationError    processors or queues that contradict each other
├── PayloadError         a payload that cannot be sealed (also a ValueError)
├── Rejected             an envelope or payload that cannot be read
├── UnsupportedOption    a push option that this driver does not have
├── BackendError         the database failed; its own error is the `__cause__`
│   ├── Unavailable      for now: trying again may help
│   └── SchemaError      the schema is missing, behind or too new
├── LeaseLost            the attempt no longer owns its job; nothing was written
├── Undecided            a commit's reply was lost, and the database does not tell
├── ChildDied            the process of a handler ended before the handler did
└── HandlersStuck        the worker had to stop: too many handlers do not end

Verdict                  raised by a handler to decide its attempt's outcome
├── Abort                dead now, whatever attempts are left
├── RetryAfter           a failure, with the handler's own delay
└── Snooze               not a failure: run again later, no attempt spent
"""

from __future__ import annotations

from typing import Any

from pgqueue import durations
from pgqueue.durations import Duration


class PgqueueError(Exception):
    """The root of all errors that pgqueue raises."""


class ConfigError(PgqueueError):
    """A setting cannot be used; the message names the field or variable."""


class RegistrationError(PgqueueError):
    """Two declarations contradict each other; the message names both."""


class PayloadError(PgqueueError, ValueError):
    """A payload cannot be sealed; raised at push, before any SQL, naming the path."""


class Rejected(PgqueueError):
    """An envelope or payload cannot be read; its job is dead at once, no attempt spent."""


class UnsupportedOption(PgqueueError, TypeError):
    """A push option that the driver does not have; never silently ignored."""


class BackendError(PgqueueError):
    """The database refused or could not be reached; its own error is the `__cause__`."""


class Unavailable(BackendError):
    """The database cannot be used for now; trying again may help."""


class SchemaError(BackendError):
    """The schema is missing, behind or too new; the message names the command to run."""


class LeaseLost(PgqueueError):
    """The job was claimed again or removed meanwhile; nothing was written."""


class Undecided(PgqueueError):
    """Whether a transaction was committed cannot be found out; if not, its lease will lapse."""


class ChildDied(PgqueueError):
    """The process of a `run="process"` handler ended before the handler did; says how."""


class HandlersStuck(PgqueueError):
    """The worker stopped because as many handlers as it has slots did not end when told to.

    Start another process: the threads of this one cannot be ended from inside.
    """


class Verdict(Exception):
    """What a handler raises to decide the outcome of its own attempt."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Its message is not what it is made of, and it may come from another process.
        return _remade, (type(self), *self.args), self.__dict__


def _remade(kind: type[Verdict], *arguments: Any) -> Verdict:
    return kind.__new__(kind, *arguments)


class Abort(Verdict):
    """The job is dead now, with reason `aborted`, whatever attempts are left."""


class RetryAfter(Verdict):
    """The attempt failed; the next one starts after `delay` instead of the policy's backoff."""

    def __init__(self, delay: Duration, reason: str = "") -> None:
        self.delay = durations.parse(delay, field="RetryAfter.delay")
        super().__init__(reason or f"retry after {durations.format(self.delay)}")


class Snooze(Verdict):
    """Not a failure: the job runs again after `delay`, and no attempt is spent."""

    def __init__(self, delay: Duration) -> None:
        self.delay = durations.parse(delay, field="Snooze.delay")
        super().__init__(f"snooze for {durations.format(self.delay)}")
