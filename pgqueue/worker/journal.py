"""What the worker logs about jobs: all wording in one place, never a payload."""

from __future__ import annotations

import logging
from typing import Any

from pgqueue import durations
from pgqueue.answer import Discard, Redrive
from pgqueue.errors import BackendError
from pgqueue.job import Job
from pgqueue.outcome import Dead, Done, Outcome, Release, Retry
from pgqueue.processor import Processor
from pgqueue.seam import Delivery, Settlement, Swept

worker = logging.getLogger("pgqueue.worker")
jobs = logging.getLogger("pgqueue.queue")


def unsettled(settlement: Settlement, error: BackendError) -> None:
    """Say that the database refused one outcome."""
    worker.error("job %d: its outcome could not be written: %s", settlement.lease.job, error)


def abandoned(delivery: Delivery) -> None:
    """Say that a cancelled handler does not end."""
    jobs.warning(
        "job %d (%s): its handler was cancelled and does not end; the job is given back",
        delivery.id,
        address(delivery),
        extra=_whose(delivery),
    )


def stuck(job: Delivery | Job[Any], stack: str) -> None:
    """Say that a handler was given up, and where it stands."""
    jobs.warning(
        "job %d (%s), attempt %d: its attempt was given up, and its handler does not end. It is "
        "at:\n%s",
        job.id,
        address(job),
        job.attempt,
        stack.rstrip(),
        extra=_whose(job),
    )


def unstuck(job: Delivery | Job[Any]) -> None:
    """Say that a handler that was given up has ended after all."""
    jobs.warning(
        "job %d (%s): the handler that was stuck has ended",
        job.id,
        address(job),
        extra=_whose(job),
    )


def lost(delivery: Delivery) -> None:
    """Say that an attempt had lost its lease."""
    jobs.warning(
        "LeaseLost: job %d (%s), attempt %d: it was claimed again or removed; nothing was written",
        delivery.id,
        address(delivery),
        delivery.attempt,
        extra=_whose(delivery),
    )


def undecided(delivery: Delivery, error: BaseException) -> None:
    """Say that nobody knows whether a transaction has completed its job."""
    jobs.error("%s", error, extra=_whose(delivery))


def begun(delivery: Delivery) -> None:
    """Say that an attempt starts."""
    if jobs.isEnabledFor(logging.DEBUG):
        jobs.debug("job %d (%s) started", delivery.id, address(delivery), extra=_whose(delivery))


def ended(
    delivery: Delivery, processor: Processor | None, outcome: Outcome | None, seconds: float
) -> None:
    """Write the one INFO line of an attempt, and the cause if it failed."""
    if not jobs.isEnabledFor(_loudest(outcome)):
        return
    word = "lost" if outcome is None else _word(outcome, dead=delivery.dead is not None)
    fields = _whose(delivery) | {
        "elapsed_ms": round(seconds * 1000, 3),
        "outcome": word,
        "processor": processor.label if processor else None,
    }
    jobs.info(
        "job %d (%s) attempt %d: %s in %.1f ms",
        delivery.id,
        address(delivery),
        delivery.attempt,
        word,
        seconds * 1000,
        extra=fields,
    )
    _cause(delivery, outcome, fields)


def handed_up(delivery: Delivery, error: BaseException) -> None:
    """Say that a job failed inside its push."""
    jobs.info(
        "job %d (%s) raised %s, which its pusher gets; it is neither retried nor kept",
        delivery.id,
        address(delivery),
        type(error).__name__,
        extra=_whose(delivery),
    )


def unknown(delivery: Delivery) -> None:
    """Say that nobody here processes a job."""
    jobs.warning(
        "job %d (%s): no processor has this name; it waits",
        delivery.id,
        address(delivery),
        extra=_whose(delivery),
    )


def answer_ignored(delivery: Delivery, answer: object, why: str) -> None:
    """Say that what a handler returned could not be heeded."""
    jobs.warning(
        "job %d (%s): its handler returned %s, which is ignored: %s",
        delivery.id,
        address(delivery),
        type(answer).__name__,
        why,
        extra=_whose(delivery),
    )


def swept(job: Swept) -> None:
    """Say that a job has died before any attempt started."""
    jobs.error(
        "job %d (%s) is dead after attempt %d, expired%s: expires_at passed before it started",
        job.id,
        f"{job.queue}/{job.name}" if job.name else job.queue,
        job.attempt,
        "" if job.kept else ", and not kept",
        extra=_whose(job) | {"outcome": "expired"},
    )


def unswept(error: BackendError) -> None:
    """Say that the database refused to let expired jobs be buried."""
    worker.error("expired jobs could not be buried, and are tried again: %s", error)


def odd_condition(processor: Processor, answer: object) -> None:
    """Say that a condition gave neither True nor False."""
    jobs.warning(
        "%s: its condition answered with %s, neither True nor False; the job runs",
        processor.label,
        type(answer).__name__,
    )


def listener_failed(listener: object, error: BaseException) -> None:
    """Say that a listener raised."""
    worker.error("listener %r raised; the jobs go on", listener, exc_info=error)


def backoff_failed(processor: Processor, error: BaseException) -> None:
    """Say that the application's own backoff raised."""
    worker.error("%s: its backoff raised %s; the default is used", processor.label, error)


def raised_after_completion(delivery: Delivery, error: BaseException) -> None:
    """Say that a handler failed when its job was complete already."""
    jobs.warning(
        "job %d (%s) was completed by its transaction; what its handler raised after that is "
        "only logged: %s",
        delivery.id,
        address(delivery),
        type(error).__name__,
        exc_info=error,
        extra=_whose(delivery),
    )


def address(delivery: Delivery | Job[Any]) -> str:
    """Return queue/name."""
    return f"{delivery.queue}/{delivery.name}" if delivery.name else delivery.queue


def _whose(job: Delivery | Job[Any] | Swept) -> dict[str, Any]:
    return {"queue": job.queue, "job_id": job.id, "attempt": job.attempt}


def _loudest(outcome: Outcome | None) -> int:
    match outcome:
        case Retry():
            return logging.WARNING
        case Dead():
            return logging.ERROR
        case _:
            return logging.INFO


def _word(outcome: Outcome, *, dead: bool) -> str:
    match outcome:
        case Done(skipped=True):
            return "skipped"
        case Done():
            return "handled" if dead else "done"
        case Dead() if dead:
            return "parked"
        case Redrive():
            return "redriven"
        case Discard():
            return "discarded"
        case Retry():
            return "retry"
        case Release():
            return "released"
        case Dead(reason=reason):
            return reason


def _cause(delivery: Delivery, outcome: Outcome | None, fields: dict[str, Any]) -> None:
    match outcome:
        case Retry(delay=delay, failure=failure):
            jobs.warning(
                "job %d (%s) attempt %d failed and runs again in %s: %s",
                delivery.id,
                address(delivery),
                delivery.attempt,
                durations.format(delay),
                failure.error,
                extra=fields,
            )
        case Dead(failure=failure) if delivery.dead:
            jobs.error(
                "job %d (%s) is parked after attempt %d, redrive or discard it: %s",
                delivery.id,
                address(delivery),
                delivery.attempt,
                failure.error if failure else "its workers were lost",
                extra=fields,
            )
        case Dead(reason=reason, failure=failure, kept=kept):
            jobs.error(
                "job %d (%s) is dead after attempt %d, %s%s: %s",
                delivery.id,
                address(delivery),
                delivery.attempt,
                reason,
                "" if kept else ", and not kept",
                failure.error if failure else "its workers were lost",
                extra=fields,
            )
