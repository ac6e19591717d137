"""Around each task Django's connections are as they are around a request; settings are checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test.utils import override_settings
from psycopg.conninfo import conninfo_to_dict

from pgqueue.integrations.django import conninfo, processors
from pgqueue.integrations.django.api import InvalidTaskBackend, tasks
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


def backend(**params: Any) -> Any:
    """Make the backend of such settings."""
    with override_settings(TASKS={"default": {"BACKEND": BACKEND, **params}}):
        return tasks.task_backends["default"]


@pytest.mark.parametrize(("age", "left"), [(0, [False, False]), (None, [False, True])])
def test_a_connection_lives_as_long_as_the_settings_say(
    app: Any, conn: Connection, monkeypatch: pytest.MonkeyPatch, age: int | None, left: list[bool]
) -> None:
    """A15: CONN_MAX_AGE counts for tasks as for requests; one thread runs both of them."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", age)
    app.look.enqueue()
    app.look.enqueue()
    work(conn)
    assert app.seen == left


def test_a_broken_connection_is_not_the_next_tasks(
    app: Any, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", None)
    app.lose_the_connection.enqueue()
    app.look.enqueue()
    work(conn, attempts=1)
    assert app.seen == [False]
    assert conn.execute("select count(*) from pgqueue.dead_jobs").fetchone() == (1,)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"QUEUES": ["a b"]}, r"TASKS\['default'\]: queue name 'a b' is not usable"),
        ({"OPTIONS": {"shcema": "x"}}, r"shcema is not a setting; did you mean schema"),
        ({"OPTIONS": {"attempts": 0}}, r"attempts \(PGQUEUE_ATTEMPTS\)"),
    ],
)
def test_settings_that_cannot_be_are_named(
    connection: Any, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidTaskBackend, match=message):
        backend(**params)


def test_the_system_checks_know_the_database(connection: Any) -> None:
    assert backend().check() == []
    [missing] = backend(OPTIONS={"database": "other"}).check()
    assert "'other', which is not in DATABASES, but default" in missing.msg
    engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    connections.settings["lite"] = connections.configure_settings({"default": {}, "lite": engine})[
        "lite"
    ]
    try:
        [wrong] = backend(OPTIONS={"database": "lite"}).check()
    finally:
        del connections["lite"]
        del connections.settings["lite"]
    assert "which is of sqlite, not PostgreSQL" in wrong.msg


def test_a_worker_needs_to_know_its_queues(connection: Any) -> None:
    with (
        override_settings(TASKS={"default": {"BACKEND": BACKEND, "QUEUES": []}}),
        pytest.raises(ImproperlyConfigured, match=r"has no QUEUES to serve; give queues="),
    ):
        processors()
    assert [one.address for one in processors(queues=["a"])] == [("a", "django.task")]


def test_the_connection_string_is_that_of_the_settings(connection: Any, dsn: str) -> None:
    """Quotes and backslashes of a password survive; Django's own options are left out."""
    assert conninfo_to_dict(conninfo())["dbname"] == conninfo_to_dict(dsn)["dbname"]
    settings = connection.settings_dict
    kept = dict(settings)
    settings |= {
        "PASSWORD": r"it's \a",
        "HOST": "",
        "OPTIONS": {"sslmode": "require", "pool": True},
    }
    try:
        told = conninfo_to_dict(conninfo())
    finally:
        settings.update(kept)
    assert (told["password"], told["sslmode"]) == (r"it's \a", "require")
    assert not {"pool", "host"} & set(told)
