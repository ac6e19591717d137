"""Commands on a named connection, in a schema of another name, and on whichever driver is set."""

from __future__ import annotations

import json
import signal
from typing import Any

import psycopg
import pytest

from tests.cli.commands import Shell

Connection = psycopg.Connection[Any]

COMMANDS = (("push", "ops", "1"), ("dead", "list"), ("dead", "show", "1"), ("migrate",))


@pytest.fixture
def reports(shell: Shell) -> Shell:
    """A shell with connection reports: schema reports of the same database, migrated."""
    settings = {"dsn": shell.dsn, "schema": "reports", "default_queue": "fails"}
    shell.variables["PGQUEUE_CONNECTIONS"] = json.dumps({"reports": settings})
    ended = shell.run("migrate", "--connection", "reports")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("schema reports is at revision pgq_")
    return shell


def test_a_connection_is_pushed_to_served_and_looked_at_by_its_name(
    reports: Shell, conn: Connection
) -> None:
    """C05, C10: its own schema and default queue, and the application's processors."""
    there = ("--connection", "reports")
    assert reports.run("push", "1", "--name", "always", *there).code == 0
    assert reports.run("push", "quick", "1").code == 0
    assert reports.run("push", "quick", "1", *there).code == 0
    queues = conn.execute("select queue from reports.jobs order by id").fetchall()
    assert queues == [("fails",), ("quick",)]
    with reports.running("work", "app:worker", "--queue", "fails", *there) as worker:
        worker.until("is dead after attempt 1")
        worker.signal(signal.SIGTERM)
        assert worker.end() == 0
    assert [one["queue"] for one in reports.run("dead", "list", "--json", *there).objects] == [
        "fails"
    ]
    assert reports.run("dead", "show", "1", *there).code == 0
    assert reports.run("dead", "list", "--json").objects == []
    for schema in ("pgqueue", "reports"):
        left = conn.execute(f"select queue from {schema}.jobs".encode()).fetchall()
        assert left == [("quick",)]


@pytest.mark.parametrize("words", [*COMMANDS, ("work", "app:worker")])
def test_a_connection_that_is_not_there_is_refused_with_those_that_are(
    bare_shell: Shell, words: tuple[str, ...]
) -> None:
    """C05: by every command, before anything is done."""
    connections = '{"reports": {"dsn": "postgresql://u:canary@127.0.0.1:1/x"}}'
    ended = bare_shell.run(*words, "--connection", "report", PGQUEUE_CONNECTIONS=connections)
    assert (ended.code, ended.out) == (2, "")
    assert ended.error.startswith("pgqueue: there is no connection 'report'; ")
    assert ended.error.endswith("has reports")


def test_a_connection_that_cannot_be_reached_keeps_its_password(bare_shell: Shell) -> None:
    """B31: a nested one, too; the shell looks for the canary in all that is printed."""
    bare_shell.variables["PGQUEUE_CONNECTIONS"] = (
        '{"a": {"dsn": "postgresql://u:canary@127.0.0.1:1/x", "connect_timeout": "1s"}}'
    )
    for words in (*COMMANDS, ("work", "app:worker")):
        assert bare_shell.run(*words, "--connection", "a").code == 1
    broken = '{"a": "postgresql://u:canary@127.0.0.1:1/x"}'
    assert bare_shell.run("push", "ops", "1", PGQUEUE_CONNECTIONS=broken).code == 2


def test_a_push_without_a_queue_goes_to_the_default_queue(shell: Shell, conn: Connection) -> None:
    """C06: `default`, or what PGQUEUE_QUEUE says."""
    assert shell.run("push", '{"a": 1}').code == 0
    assert shell.run("push", "-", stdin="2", PGQUEUE_QUEUE="mail").code == 0
    assert shell.run("push", "ops", "3", PGQUEUE_QUEUE="mail").code == 0
    rows = conn.execute("select queue from pgqueue.jobs order by id").fetchall()
    assert rows == [("default",), ("mail",), ("ops",)]
    assert shell.run("push", "ops", "1", "2").code == 2
    assert "the payload is not JSON" in shell.run("push", "ops").error


def test_a_strict_connection_refuses_a_misspelt_queue(shell: Shell) -> None:
    """E02: and says which there are."""
    strict = {"PGQUEUE_STRICT_QUEUES": "true", "PGQUEUE_QUEUES": '{"ops": {}, "mail": {}}'}
    assert shell.run("push", "ops", "1", **strict).code == 0
    ended = shell.run("push", "oops", "1", **strict)
    assert ended.code == 2
    assert ended.error.endswith("queues (PGQUEUE_QUEUES) has ops, mail")


def test_a_queues_own_attempts_are_listed_with_its_processors(shell: Shell) -> None:
    """E02: after the processor's word, before the settings of all."""
    queues = '{"quick": {"attempts": 9}, "locked": {"retries": 6}}'
    listed = shell.run("processors", "app:worker", "--json", PGQUEUE_QUEUES=queues).objects
    found = {one["queue"]: one["attempts"] for one in listed}
    assert (found["quick"], found["locked"], found["stuck"]) == (2, 7, 5)


def test_a_schema_is_migrated_by_option_or_variable(shell: Shell, conn: Connection) -> None:
    """C05, C25: beside the other, and checked with the command that helps."""
    ended = shell.run("migrate", "--schema", "audit", "--check")
    assert ended.code == 3
    assert ended.error.endswith("run `pgqueue migrate --schema audit`")
    assert shell.run("migrate", PGQUEUE_SCHEMA="audit").code == 0
    assert shell.run("migrate", "--schema", "audit", "--check").code == 0
    assert shell.run("push", "ops", "1", PGQUEUE_SCHEMA="audit").code == 0
    assert conn.execute("select queue from audit.jobs").fetchall() == [("ops",)]
    script = shell.run("migrate", "--sql", "--schema", "other").out
    assert '"other".jobs' in script
    assert "pgqueue" not in script.replace("pgqueue_", "")
    assert shell.run("migrate", "--schema", "pg_x").code == 2


@pytest.mark.parametrize("words", [("work", "app:processors"), ("processors", "app:processors")])
def test_an_unknown_driver_stops_the_start_with_the_known_ones(
    shell: Shell, words: tuple[str, ...]
) -> None:
    """D06: an application that leaves the driver to the settings."""
    ended = shell.run(*words, PGQUEUE_DRIVER="redis")
    assert ended.code == 2
    assert "there is no driver redis; there are postgres, memory, sync" in ended.error


@pytest.mark.parametrize("driver", ["memory", "sync"])
def test_a_driver_without_a_database_needs_none(bare_shell: Shell, driver: str) -> None:
    """C22: `.env` alone decides what the same application runs on."""
    bare_shell.write(".env", f"PGQUEUE_DRIVER={driver}\n")
    ended = bare_shell.run("work", "app:processors", "--stop-when-empty")
    assert (ended.code, ended.out) == (0, "")
    for words in COMMANDS[:3]:
        ended = bare_shell.run(*words)
        assert ended.code == 2
        assert f"driver (PGQUEUE_DRIVER) is {driver}" in ended.error


def test_the_same_application_with_a_database_runs_its_jobs(
    bare_shell: Shell, dsn: str, conn: Connection
) -> None:
    """C22: the other `.env`."""
    bare_shell.write(".env", f"PGQUEUE_DRIVER=postgres\nPGQUEUE_DSN={dsn}\n")
    assert bare_shell.run("push", "quick", "1").code == 0
    assert bare_shell.run("work", "app:processors", "--stop-when-empty").code == 0
    assert conn.execute("select count(*) from pgqueue.all_jobs").fetchone() == (0,)
