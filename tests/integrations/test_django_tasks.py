"""Django's tasks are jobs: pushed with the request's data, run by `pgqueue work`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import transaction
from django.test.utils import override_settings

from pgqueue import PayloadError, Postgres
from pgqueue.integrations.django.api import InvalidTask, TaskResultDoesNotExist, signals
from tests.drivers.store import count, only_row
from tests.integrations.working import work

Connection = psycopg.Connection[Any]
BACKEND = "pgqueue.integrations.django.PgqueueBackend"


@pytest.fixture
def app(connection: Any) -> Iterator[Any]:
    """The application's tasks; `app.seen` is what they did."""
    from tests.integrations import tasks

    tasks.seen.clear()
    yield tasks
    tasks.seen.clear()


@pytest.fixture
def told() -> Iterator[list[tuple[str, str]]]:
    """The signals that were sent, each with the status of its result."""
    said: list[tuple[str, str]] = []
    names = {name: getattr(signals, f"task_{name}") for name in ("enqueued", "started", "finished")}
    receivers = {
        name: lambda task_result, name=name, **_: said.append((name, str(task_result.status)))
        for name in names
    }
    for name, signal in names.items():
        signal.connect(receivers[name])
    yield said
    for name, signal in names.items():
        signal.disconnect(receivers[name])


def test_a_task_is_pushed_with_the_requests_data(app: Any, conn: Connection) -> None:
    """K02, A15: in atomic it shares the fate of the rest, outside it is there at once."""
    with transaction.atomic():
        result = app.note.enqueue(1, two=3)
        assert count(conn, "jobs") == 0
    row = only_row(conn)
    assert (str(row["id"]), row["queue"], row["name"]) == (result.id, "default", "django.task")
    assert (result.status, result.args, result.kwargs) == ("READY", [1], {"two": 3})
    with transaction.atomic():
        app.note.enqueue(2)
        transaction.set_rollback(True)
    assert count(conn, "jobs") == 1
    app.note_later.enqueue("now")
    assert count(conn, "jobs") == 2


async def test_an_async_view_awaits_the_same(app: Any, conn: Connection) -> None:
    """A15: aenqueue and aget_result do it on Django's own thread."""
    result = await app.note_later.aenqueue("x")
    found = await app.note_later.aget_result(result.id)
    assert (found.id, found.status, only_row(conn)["queue"]) == (result.id, "READY", "mail")
    from asgiref.sync import sync_to_async
    from django.db import connections

    await sync_to_async(connections.close_all)()


def test_a_worker_calls_tasks_and_coroutines(
    app: Any, conn: Connection, told: list[tuple[str, str]]
) -> None:
    """A15: with their arguments and their context; Django's signals tell of it."""
    app.note.enqueue([1, {"a": None}], b="é")
    result = app.tell.enqueue()
    app.note_later.enqueue("later")
    work(conn, queues=["default"])
    work(conn, queues=["mail"])
    assert app.seen == [(([1, {"a": None}],), {"b": "é"}), (result.id, 1), "later"]
    assert (
        told
        == [("enqueued", "READY")] * 3 + [("started", "RUNNING"), ("finished", "SUCCESSFUL")] * 3
    )
    assert count(conn, "all_jobs") == 0


def test_what_fails_is_ready_again_until_it_has_failed_for_good(
    app: Any, conn: Connection, told: list[tuple[str, str]]
) -> None:
    """B22: retried as any job is; only the last failure is the task's, and it can be looked up."""
    result = app.fail_until.enqueue(9)
    work(conn, attempts=2)
    result.refresh()
    assert (result.status, result.attempts, result.is_finished) == ("READY", 1, False)
    work(conn, attempts=2)
    result.refresh()
    assert (result.status, result.attempts, app.seen) == ("FAILED", 2, [1, 2])
    assert [one.exception_class for one in result.errors] == [LookupError] * 2
    assert result.errors[1].traceback.endswith("LookupError: not in attempt 2\n")
    assert result.finished_at >= result.enqueued_at
    with pytest.raises(ValueError, match="Task failed"):
        _ = result.return_value
    assert told[1:] == [("started", "RUNNING"), ("started", "RUNNING"), ("finished", "FAILED")]


def test_verdicts_of_a_task_are_the_workers(
    app: Any, conn: Connection, told: list[tuple[str, str]]
) -> None:
    """B22: Abort is final at once; a snooze is no failure, and no attempt."""
    gone = app.abort.enqueue()
    work(conn)
    assert app.abort.get_result(gone.id).status == "FAILED"
    assert told[-1] == ("finished", "FAILED")
    app.snooze_once.enqueue()
    work(conn, rounds=2)
    assert (app.seen, told[-1]) == ([1, 1], ("finished", "SUCCESSFUL"))


def test_what_is_running_is_said_to(app: Any, conn: Connection) -> None:
    result = app.note.enqueue()
    conn.execute(
        "update pgqueue.jobs set lease = 1, worker = 'w', attempt = 2,"
        " visible_at = now() + interval '1 h'"
    )
    result.refresh()
    assert (result.status, result.worker_ids) == ("RUNNING", ["", "w"])


def test_what_has_succeeded_or_never_was_has_no_result(
    app: Any, conn: Connection, dsn: str
) -> None:
    """Nothing is left of a completed job, and a job of another kind is no task."""
    done = app.note.enqueue()
    work(conn)
    other = Postgres(dsn).push("default", 1, on=conn)
    for id in (done.id, other, "123456", "x", "-1", "9" * 30, "1 or true"):
        with pytest.raises(TaskResultDoesNotExist):
            app.note.get_result(id)
    assert not app.note.get_backend().supports_get_result


PRIORITIES = {100: 0, 81: 0, 80: 1, 1: 4, 0: 5, -1: 6, -25: 6, -26: 7, -100: 9}


def test_the_highest_priority_goes_first(app: Any, conn: Connection) -> None:
    """B31: Django's -100 to 100 become 9 to 0, and its default ours."""
    for priority in PRIORITIES:
        app.note.using(priority=priority).enqueue(priority)
    rows = conn.execute(
        "select (envelope -> 'payload' -> 'priority')::int, priority from pgqueue.jobs"
    )
    assert dict(rows.fetchall()) == PRIORITIES
    found = app.note.get_result(str(conn.execute("select max(id) from pgqueue.jobs").fetchone()[0]))  # type: ignore[index]
    assert found.task.priority == -100
    work(conn)
    assert [one[0][0] for one in app.seen] == sorted(PRIORITIES, reverse=True)


def test_run_after_is_a_time(app: Any, conn: Connection) -> None:
    """K11: aware, or naive where the settings want that."""
    at = datetime(2199, 5, 4, 3, 2, 1, tzinfo=UTC)
    app.note.using(run_after=at).enqueue()
    assert only_row(conn, "scheduled_jobs")["run_at"] == at
    with override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo"):
        app.note.using(run_after=datetime(2199, 5, 4, 12, 2, 1)).enqueue()
        app.note.using(run_after=datetime.now() - timedelta(hours=1)).enqueue()
    assert conn.execute(
        "select count(*), count(distinct run_at) from pgqueue.scheduled_jobs"
    ).fetchone() == (2, 1)
    assert count(conn, "jobs") == 1


def test_what_cannot_be_pushed_leaves_the_transaction_as_it_was(app: Any, conn: Connection) -> None:
    """B11: a bad argument is refused before any SQL."""
    with transaction.atomic():
        app.note.enqueue(1)
        for wrong, error in (
            (object(), TypeError),
            ("\0", PayloadError),
            ([float("nan")], PayloadError),
        ):
            with pytest.raises(error):
                app.note.enqueue(wrong)
        app.note.enqueue(2)
    assert count(conn, "jobs") == 2


def test_a_queue_that_cannot_be_is_refused(app: Any) -> None:
    """D27: by Django's QUEUES, and where that is empty by our names."""
    with pytest.raises(InvalidTask, match="'other' is not valid"):
        app.note.using(queue_name="other")
    with (
        override_settings(TASKS={"default": {"BACKEND": BACKEND, "QUEUES": []}}),
        pytest.raises(InvalidTask, match="queue name 'a b' is not usable"),
    ):
        app.note.using(queue_name="a b")


def test_a_path_that_is_no_task_is_rejected(app: Any, conn: Connection, dsn: str) -> None:
    """P7: whoever can push cannot have any function called."""
    for path in ("tests.integrations.tasks.no_task", "os.getcwd"):
        Postgres(dsn).push("default", {"task": path}, on=conn, name="django.task")
    work(conn)
    query = "select reason, attempt, failures -> -1 ->> 'error' like '%is no task%'"
    rows = conn.execute(f"{query} from pgqueue.dead_jobs").fetchall()
    assert rows == [("rejected", 0, True)] * 2
