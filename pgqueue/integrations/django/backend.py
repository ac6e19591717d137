"""`PgqueueBackend`: tasks become jobs in the transaction of the request."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, Final

from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from pgqueue.drivers.postgres import Postgres
from pgqueue.drivers.postgres.statement import load
from pgqueue.errors import ConfigError
from pgqueue.integrations.django.api import (
    BaseTaskBackend,
    InvalidTask,
    InvalidTaskBackend,
    TaskResultDoesNotExist,
    base,
    signals,
)
from pgqueue.integrations.django.call import NAME, Call, jobs_priority, told
from pgqueue.integrations.django.found import result_of
from pgqueue.queue import queue_name

FIND_JOB = load("find_job", tuple)

_ID: Final = re.compile(r"[0-9]{1,18}")


class PgqueueBackend(BaseTaskBackend):  # type: ignore[misc]
    """A backend of Django's tasks; OPTIONS are `database`, of DATABASES, and settings of pgqueue.

    Results are known while a task waits, runs or has failed. Of one that has succeeded nothing is
    left, so `supports_get_result` is False and its result does not exist.
    """

    supports_defer = True
    supports_async_task = True
    supports_priority = True
    supports_get_result = False

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        options = dict(self.options)
        self.database = options.pop("database", DEFAULT_DB_ALIAS)
        try:
            self.driver = Postgres(**options)
            for name in self.queues:
                queue_name(name)
        except (ValueError, ConfigError) as error:
            raise InvalidTaskBackend(f"TASKS[{alias!r}]: {error}") from error

    def validate_task(self, task: Any) -> None:
        """Raise InvalidTask for a task that this backend cannot run."""
        super().validate_task(task)
        try:
            queue_name(task.queue_name)
        except ValueError as error:
            raise InvalidTask(str(error)) from error

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        """Push a task's job on Django's connection, so that it commits with the caller's data."""
        self.validate_task(task)
        call = Call(task=task.module_path, args=args, kwargs=kwargs, priority=task.priority)
        # Made first: it refuses arguments that are no JSON.
        result = told(task, call, id="", status=base.TaskResultStatus.READY)
        pushed = self.driver.push(
            task.queue_name,
            replace(call, args=result.args, kwargs=result.kwargs),
            on=connections[self.database],
            name=NAME,
            priority=jobs_priority(task.priority),
            run_at=_aware(task.run_after),
        )
        result = replace(result, id=str(pushed), enqueued_at=timezone.now())
        signals.task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> Any:
        """Return what is known of a task that has not succeeded; TaskResultDoesNotExist otherwise.

        `enqueued_at` is by the database's clock; when an attempt started is not recorded.
        """
        row = self._find(str(result_id))
        if row is None or row[1] != NAME:
            raise TaskResultDoesNotExist(result_id)
        queue, _, state, attempt, worker, due_at, payload, failures, pushed_at = row
        return result_of(
            self.alias,
            str(result_id),
            Call(**json.loads(payload)),
            queue=queue,
            state=state,
            attempt=attempt,
            worker=worker,
            due_at=due_at,
            failures=json.loads(failures or "[]"),
            pushed_at=pushed_at,
        )

    def _find(self, id: str) -> Any:
        if not _ID.fullmatch(id):
            return None
        statement = FIND_JOB.within(self.driver.config.schema)
        with connections[self.database].cursor() as cursor:
            cursor.execute(statement.text.decode(), {"id": int(id)})
            return cursor.fetchone()

    def check(self, **kwargs: Any) -> list[Any]:
        """Complain of a database that is no PostgreSQL."""
        if self.database not in connections.settings:
            found = f"which is not in DATABASES, but {', '.join([*connections])}"
        elif connections[self.database].vendor != "postgresql":
            found = f"which is of {connections[self.database].vendor}, not PostgreSQL"
        else:
            return []
        message = f"TASKS[{self.alias!r}]: OPTIONS name the database {self.database!r}, {found}"
        return [checks.Error(message, id="pgqueue.E001")]


def _aware(time: Any) -> Any:
    return timezone.make_aware(time) if time is not None and timezone.is_naive(time) else time
