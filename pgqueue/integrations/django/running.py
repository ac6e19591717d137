"""Runs tasks in `pgqueue work`, with Django's surroundings of a request."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from traceback import format_exception
from typing import Any, Final, TypedDict, Unpack

from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections, reset_queries
from django.utils import timezone

from pgqueue.backoff import Delays
from pgqueue.durations import Duration
from pgqueue.errors import Verdict
from pgqueue.integrations.django.api import base, signals, tasks
from pgqueue.integrations.django.call import NAME, Call, task_error, task_of, told
from pgqueue.job import Job
from pgqueue.outcome import Dead, judge
from pgqueue.policy import Limits, Policy
from pgqueue.processor import Processors
from pgqueue.queue import Queue

_CHANCE: Final = 0.0


class TaskOptions(TypedDict, total=False):
    """What may be said about the tasks of a backend; where it is silent, the settings decide."""

    concurrency: int | None
    attempts: int | None
    retries: int | None
    backoff: Delays | None
    timeout: Duration | None


def processors(
    backend: str = "default",
    *,
    queues: Iterable[str] | None = None,
    **options: Unpack[TaskOptions],
) -> Processors:
    """Return the processors of a backend's tasks, for a worker to include.

    They serve the QUEUES of the backend, or `queues`. Tasks run on threads, each with Django's
    connections of its own. What they raise is retried, as of any processor.
    """
    served = sorted(tasks.task_backends[backend].queues) if queues is None else list(queues)
    if not served:
        raise ImproperlyConfigured(f"TASKS[{backend!r}] has no QUEUES to serve; give queues=[…]")
    found = Processors()
    runner = _Runner(backend, options)
    for queue in served:
        found.process(Queue(queue, Call), name=NAME, **options)(runner.handler())
    return found


class _Runner:
    """Calls the tasks of one backend."""

    def __init__(self, backend: str, options: TaskOptions) -> None:
        self._backend = backend
        said: dict[str, Any] = {**options}
        said.pop("concurrency", None)
        self._policy = Policy.of(**said)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    def handler(self) -> Any:
        """Return the function that runs a job."""

        def run_task(job: Job[Call]) -> None:
            with _surroundings():
                self._run(job)

        return run_task

    def _run(self, job: Job[Call]) -> None:
        call = job.payload
        task = task_of(call, job.queue, self._backend)
        now = timezone.now()
        result = told(
            task,
            call,
            id=str(job.id),
            status=base.TaskResultStatus.RUNNING,
            enqueued_at=job.pushed_at,
            started_at=now,
            last_attempted_at=now,
            worker_ids=[""] * (job.attempt - 1) + [self._worker],
        )
        context = [base.TaskContext(task_result=result)] if task.takes_context else []
        sender = type(task.get_backend())
        signals.task_started.send(sender, task_result=result)
        try:
            value = task.call(*context, *result.args, **result.kwargs)
        except BaseException as error:
            self._failed(result, job, error)
            if result.is_finished:
                signals.task_finished.send(sender, task_result=result)
            raise
        _set(result, status=base.TaskResultStatus.SUCCESSFUL, _return_value=value)
        _set(result, finished_at=timezone.now())
        signals.task_finished.send(sender, task_result=result)

    def _failed(self, result: Any, job: Job[Call], error: BaseException) -> None:
        """Say of a result what becomes of the job: the worker judges the same."""
        limits = self._limits(job)
        final = isinstance(judge(error, limits, attempt=job.attempt, chance=_CHANCE), Dead)
        if not isinstance(error, Verdict) or final:
            result.errors.append(task_error(type(error), "".join(format_exception(error))))
        status = base.TaskResultStatus.FAILED if final else base.TaskResultStatus.READY
        _set(result, status=status, finished_at=timezone.now() if final else None)

    def _limits(self, job: Job[Call]) -> Limits:
        config = tasks.task_backends[self._backend].driver.config
        pushed = Policy(attempts=job.max_attempts)
        return pushed.over(self._policy.over(config.limits(job.queue)))


@contextmanager
def _surroundings() -> Iterator[None]:
    """Do what Django does before and after a request."""
    reset_queries()
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def _set(result: Any, **values: Any) -> None:
    # A TaskResult is frozen for those who receive it, and Django's own backends change it so.
    for name, value in values.items():
        object.__setattr__(result, name, value)
