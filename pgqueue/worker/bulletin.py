"""What the worker logs about itself, its services and its database: all wording in one place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from pgqueue.errors import BackendError
from pgqueue.policy import Limits
from pgqueue.processor import Processor

worker = logging.getLogger("pgqueue.worker")


def started(
    label: str, processors: Iterable[Processor], limits: Callable[[str], Limits], total: int
) -> None:
    """Say who works on what, and on which event loop."""
    served = list(processors)
    for one in served:
        runs = one.policy.over(limits(one.queue)).attempts
        worker.info(
            "processor %s: queue %s, name %s, concurrency %d, retries %d",
            one.label,
            one.known_as,
            one.name or "(any)",
            one.concurrency or total,
            runs - 1,
        )
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    worker.info(
        "worker %s started with %d processors, concurrency %d, on %s",
        label,
        len(served),
        total,
        loop,
    )


def stopped(label: str, reason: str) -> None:
    """Say that the worker has ended, and why."""
    worker.info("worker %s stopped: %s", label, reason)


def stopping(label: str, running: int, grace: float) -> None:
    """Say that no more jobs are claimed."""
    worker.info("worker %s is stopping: %d jobs have %.0f s to finish", label, running, grace)


def unavailable(service: str, error: BackendError) -> None:
    """Say that a service lost the database and will try again."""
    worker.warning("%s lost the database and tries again: %s", service, error)


def available(service: str, seconds: float) -> None:
    """Say that a service has the database again."""
    worker.info("%s has the database again, after %.1f s", service, seconds)


def probed(address: str) -> None:
    """Say where probes are answered."""
    worker.info("health: http://%s/healthz and /readyz", address)


def signalled(name: str, *, again: bool) -> None:
    """Say that the process was told to end, and what that means."""
    if again:
        worker.info("%s: what runs is given back at once; a third signal waits for nothing", name)
    else:
        worker.info("%s: what runs may finish; a second signal gives it back at once", name)


def frozen(complaint: str) -> None:
    """Say that a service stands still, and that the worker ends for it."""
    worker.critical("%s; it does not come back by itself, so this worker ends", complaint)


def refused(error: BackendError) -> None:
    """Say that the database does not let a service go on, and that it will not."""
    worker.critical("the database ends this worker: %s", error)


def defect(error: BaseException) -> None:
    """Say that a service ended by an error that nobody expected."""
    worker.critical("a defect ends this worker: %s", error, exc_info=error)


def stalled(stack: str) -> None:
    """Say that the event loop stands still, and where."""
    worker.warning(
        "the event loop stands still, and every async job with it; leases are kept. A plain def "
        "would run on a thread. It is at:\n%s",
        stack.rstrip(),
    )


def all_stuck(label: str, count: int) -> None:
    """Say that a worker stops because its handlers do not end."""
    worker.critical(
        "worker %s stops: %d handlers are stuck, as many as it has slots; its process has to be "
        "replaced",
        label,
        count,
    )
