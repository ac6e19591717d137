"""What the tables know of a task, as a `TaskResult`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pgqueue.integrations.django.api import base
from pgqueue.integrations.django.call import Call, task_error, task_of, told

_STATUS: Final = {"ready": "READY", "scheduled": "READY", "leased": "RUNNING", "dead": "FAILED"}


def result_of(
    alias: str,
    id: str,
    call: Call,
    *,
    queue: str,
    state: str,
    attempt: int,
    worker: str | None,
    due_at: datetime,
    failures: Sequence[Mapping[str, Any]],
    pushed_at: datetime,
) -> Any:
    """Return the result of a job that waits, runs or is dead."""
    workers = [one.get("worker") or "" for one in failures][-attempt:] if attempt else []
    if state == "leased":
        workers.append(worker or "")
    # The tables keep the last failures only: of older attempts it is not known who ran them.
    workers = [""] * (attempt - len(workers)) + workers[-attempt:] if attempt else []
    return told(
        task_of(call, queue, alias),
        call,
        id=id,
        status=base.TaskResultStatus(_STATUS[state]),
        enqueued_at=pushed_at,
        finished_at=due_at if state == "dead" else None,
        errors=[task_error(_kind(one), _traceback(one)) for one in failures],
        worker_ids=workers,
    )


def _traceback(failure: Mapping[str, Any]) -> str:
    return str(failure.get("traceback") or failure.get("error") or "")


def _kind(failure: Mapping[str, Any]) -> str:
    """Read the path of an exception's class from the last line of its traceback."""
    lines = str(failure.get("traceback") or "").strip().splitlines()
    last = next((one for one in reversed(lines) if one[:1] not in ("", " ", "|")), "")
    name = last.partition(":")[0].strip()
    if not all(part.isidentifier() for part in name.split(".")):
        return "pgqueue.errors.PgqueueError"
    return name if "." in name else f"builtins.{name}"
