"""Django's own tests of its tasks, on our backend: run where Django's sources are on the path."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.databases import new_database, on_database
from tests.drivers.connections import configure_django, django_default

configure_django()

from django.test import override_settings  # noqa: E402
from tasks import test_dummy_backend as of_backends  # type: ignore # noqa: E402
from tasks import test_tasks as of_tasks  # noqa: E402

from pgqueue.integrations.django import PgqueueBackend  # noqa: E402
from pgqueue.integrations.django.api import tasks  # noqa: E402

OURS = f"{__name__}.Recording"


class Recording(PgqueueBackend):
    """Ours, with what Django's tests look for in their dummy.

    The time of a fetched result is the database's: the tests compare it with the one before.
    """

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.results: list[Any] = []

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        """Push, and keep the result."""
        self.results.append(super().enqueue(task, args, kwargs))
        return self.results[-1]

    def get_result(self, result_id: str) -> Any:
        """Find it, with the time that it had when it was pushed."""
        found = super().get_result(result_id)
        [kept] = [one for one in self.results if one.id == found.id]
        return dataclasses.replace(found, enqueued_at=kept.enqueued_at)

    def clear(self) -> None:
        """Forget all results, in the database too."""
        from django.db import connection

        self.results.clear()
        with connection.cursor() as cursor:
            cursor.execute("delete from pgqueue.jobs")


@pytest.fixture(scope="module", autouse=True)
def database(server: psycopg.Connection[Any], server_dsn: str, template: str) -> Iterator[None]:
    """A fresh database, which Django's default connection leads to."""
    from django.test.utils import setup_test_environment, teardown_test_environment

    setup_test_environment()
    with (
        new_database(server, template=template) as name,
        django_default(on_database(server_dsn, name)),
    ):
        yield
    teardown_test_environment()


@override_settings(TASKS={"default": {"BACKEND": OURS, "QUEUES": []}})
class TestBackend(of_backends.DummyBackendTestCase):  # type: ignore[misc]
    """What Django expects of a backend that keeps tasks for later."""

    databases = {"default"}  # noqa: RUF012

    def test_using_correct_backend(self) -> None:
        assert isinstance(tasks.task_backends["default"], PgqueueBackend)

    # These two change the dummy's own list, and expect the change to be found.
    test_refresh_result = None
    test_refresh_result_async = None


class TestTransactions(of_backends.DummyBackendTransactionTestCase):  # type: ignore[misc]
    """What Django expects of one inside of a transaction."""

    test_doesnt_wait_until_transaction_commit_by_default = override_settings(
        TASKS={"default": {"BACKEND": OURS}}
    )(
        of_backends.DummyBackendTransactionTestCase.test_doesnt_wait_until_transaction_commit_by_default
    )


@override_settings(
    TASKS={
        "default": {"BACKEND": OURS, "QUEUES": ["default", "queue_1"]},
        "immediate": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend", "QUEUES": []},
        "missing": {"BACKEND": "does.not.exist"},
    }
)
class TestTasks(of_tasks.TaskTestCase):  # type: ignore[misc]
    """What Django expects of a task."""

    databases = {"default"}  # noqa: RUF012

    def test_using_correct_backend(self) -> None:
        assert isinstance(tasks.task_backends["default"], PgqueueBackend)

    def test_get_backend(self) -> None:
        backend = of_tasks.test_tasks.noop_task.get_backend()
        assert isinstance(backend, PgqueueBackend)
