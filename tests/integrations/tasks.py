"""Tasks of an application, which say what happened to them; imported once Django is set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection

from pgqueue import Abort, Snooze
from pgqueue.integrations.django.api import tasks

seen: list[Any] = []


def task(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Declare a task, with types."""
    declare: Callable[[Callable[..., Any]], Any] = tasks.task(**options)
    return declare


@task()
def note(*args: Any, **kwargs: Any) -> Any:
    """Keep what it is called with."""
    seen.append((args, kwargs))
    return {"kept": len(seen)}


@task(queue_name="mail", priority=50)
async def note_later(text: str) -> None:
    """Do the same in a coroutine."""
    seen.append(text)


@task(takes_context=True)
def tell(context: Any) -> None:
    """Keep who it is, and at which attempt."""
    seen.append((context.task_result.id, context.attempt))


@task(takes_context=True)
def fail_until(context: Any, attempt: int) -> None:
    """Fail in all attempts before this one."""
    seen.append(context.attempt)
    if context.attempt < attempt:
        raise LookupError(f"not in attempt {context.attempt}")


@task()
def abort() -> None:
    """Give up at once."""
    raise Abort("never")


@task(takes_context=True)
def snooze_once(context: Any) -> None:
    """Ask for a little time, at first."""
    seen.append(context.attempt)
    if len(seen) == 1:
        raise Snooze(0.01)


@task()
def look() -> None:
    """Keep whether a connection was left to it, and use one."""
    seen.append(connection.connection is not None)
    with connection.cursor() as cursor:
        cursor.execute("select 1")


@task()
def lose_the_connection() -> None:
    """End its own connection."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(pg_backend_pid())")


no_task = "text"
