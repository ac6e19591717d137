"""What a task's job carries, and the `TaskResult` that is told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.module_loading import import_string

from pgqueue.errors import Rejected
from pgqueue.integrations.django.api import base

# The name of every task's job: other processors may share its queue.
NAME: Final = "django.task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a task, by the path of the task."""

    task: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    priority: int = 0


def jobs_priority(priority: int) -> int:
    """Turn Django's -100 to 100, of which the highest goes first, into 9 to 0; 0 into 5.

    What is above or below Django's default stays so.
    """
    return 5 - math.ceil(priority / 20) if priority > 0 else 5 + math.ceil(-priority / 25)


def task_of(call: Call, queue: str, backend: str) -> Any:
    """Import a call's task; Rejected if there is something else under that path."""
    task = import_string(call.task)
    if not isinstance(task, base.Task):
        raise Rejected(f"queue {queue}: {call.task:.200} is no task; is it decorated with @task?")
    return task.using(priority=call.priority, queue_name=queue, backend=backend)


def told(task: Any, call: Call, **known: Any) -> Any:
    """Return a TaskResult of which so much is known; `enqueued_at` and others are aware."""
    times = {name: _as_configured(known.pop(name, None)) for name in _TIMES}
    return base.TaskResult(
        task=task,
        args=call.args,
        kwargs=call.kwargs,
        backend=task.backend,
        errors=known.pop("errors", []),
        worker_ids=known.pop("worker_ids", []),
        **times,
        **known,
    )


def task_error(kind: type[BaseException] | str, traceback: str) -> Any:
    """Return one error of a result."""
    path = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return base.TaskError(exception_class_path=path, traceback=traceback)


_TIMES: Final = ("enqueued_at", "started_at", "finished_at", "last_attempted_at")


def _as_configured(time: datetime | None) -> datetime | None:
    """Return an aware time as USE_TZ wants it."""
    if time is None or timezone.is_naive(time) or timezone.is_aware(timezone.now()):
        return time
    naive: datetime = timezone.make_naive(time)
    return naive
