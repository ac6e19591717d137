"""What becomes of an attempt: `judge` decides it as a value, the settler writes it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Literal

from pgqueue.answer import Discard, Redrive
from pgqueue.errors import Abort, Rejected, RetryAfter, Snooze, Verdict
from pgqueue.policy import Limits

Reason = Literal["exhausted", "expired", "lost", "rejected", "aborted"]

_CAP = 16 * 1024
# A snooze is no failure, but so many in a row are one: nothing waits for ever unnoticed.
MAX_SNOOZES = 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt as it is kept with the job.

    The storage adds which attempt it was, when it ended (as the storage writes a time), and whose.
    """

    error: str
    traceback: str = ""
    attempt: int | None = None
    at: str | None = None
    worker: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Describe an exception, capped at 16 KiB each, without any local variable."""
        try:
            text = f"{_name(type(error))}: {error}".removesuffix(": ")
        except BaseException:  # an exception whose str() raises must not cost the job
            text = f"{_name(type(error))} (its message cannot be shown)"
        try:
            lines = "".join(traceback.format_exception(type(error), error, _handlers_part(error)))
        except BaseException:
            lines = text
        return cls(cap(text), cap(lines))


@dataclass(frozen=True, slots=True)
class Done:
    """The job is complete and leaves the queue; `skipped`, if its condition said no."""

    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """The attempt failed; the next one starts after `delay`."""

    delay: timedelta
    failure: Failure


@dataclass(frozen=True, slots=True)
class Release:
    """The job is given back uncounted: at once, or after `delay`.

    A `note` is kept with its failures: that no processor was found, and since when.
    """

    delay: timedelta | None = None
    note: Failure | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """The job becomes a dead letter; an attempt that never ran the handler is not `counted`.

    Not `kept`, it is deleted. A dead letter itself is parked: it stays, and is not claimed again.
    """

    reason: Reason
    failure: Failure | None = None
    counted: bool = True
    kept: bool = True


Outcome = Done | Retry | Release | Dead | Redrive | Discard
"""What becomes of an attempt; `Redrive` and `Discard` are for dead letters alone."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why and when a job died, for its dead-letter processor: `job.dead`.

    `queue` is the one it died in, `attempts` how many it had there; `failures` has the oldest
    first, the last 20. `died_at` is by the database's clock. `redrives`: how often it had been dead
    before, and was made to run again.
    """

    queue: str
    reason: Reason
    attempts: int
    failures: tuple[Failure, ...]
    died_at: datetime
    redrives: int = 0


def judge(
    error: BaseException | None,
    limits: Limits,
    *,
    attempt: int,
    chance: float,
    age: float = 0.0,
    snoozes: int = 0,
) -> Outcome:
    """Decide what becomes of an attempt that ended with `error`, or with none.

    `chance` in [0, 1) is the jitter's dice, thrown by the caller. The job was pushed `age` seconds
    ago, and has been snoozed `snoozes` times in a row.
    """
    over = limits.over_since(age)
    match error:
        case None:
            return Done()
        case Snooze(delay=delay) if snoozes < MAX_SNOOZES and not over:
            return Release(delay)
        case Rejected():
            return Dead("rejected", Failure.of(error), counted=False, kept=limits.keeps)
        case Abort():
            return Dead("aborted", Failure.of(error), kept=limits.keeps)
        case _ if not isinstance(error, Verdict) and not limits.retries(error):
            return Dead("aborted", Failure.of(error), kept=limits.keeps)
        case _ if over or attempt >= limits.attempts:
            return Dead("exhausted", Failure.of(error), kept=limits.keeps)
        case RetryAfter(delay=delay) | Snooze(delay=delay):
            return Retry(delay, Failure.of(error))
        case _:
            return Retry(limits.wait(attempt, chance), Failure.of(error))


def _name(kind: type[BaseException]) -> str:
    # Not kind.__name__, which is its metaclass's to answer.
    return str(type.__dict__["__name__"].__get__(kind))


def _handlers_part(error: BaseException) -> TracebackType | None:
    """Leave out the frames of this package that called the handler."""
    frames = error.__traceback__
    while frames and str(frames.tb_frame.f_globals.get("__name__")).startswith("pgqueue."):
        frames = frames.tb_next
    return frames


def cap(text: str) -> str:
    """Shorten a text to 16 KiB, keeping its head and its tail, and make it storable."""
    if len(text) > _CAP:
        half = _CAP // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    storable = text.encode("utf-8", "backslashreplace").decode()
    return storable.replace("\x00", "\ufffd")
