"""`pgqueue migrate`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.cli.commands import Shell


@pytest.fixture
def empty(tmp_path: Path, empty_dsn: str) -> Shell:
    """A shell whose database has no schema yet."""
    return Shell(tmp_path, empty_dsn)


def test_migrating_again_changes_nothing(empty: Shell) -> None:
    """C25: `pgqueue migrate` is idempotent."""
    first, second = empty.run("migrate"), empty.run("migrate")
    assert (first.code, second.code) == (0, 0)
    assert first.out == second.out
    assert first.out.startswith("schema pgqueue is at revision pgq_")
    assert empty.run("push", "ops", "1").code == 0


def test_five_at_once_all_succeed(empty: Shell) -> None:
    """C25: safe when 5 run at once."""
    with ThreadPoolExecutor(5) as threads:
        ended = list(threads.map(lambda _: empty.run("migrate"), range(5)))
    assert [(one.code, one.err) for one in ended] == [(0, "")] * 5


def test_a_check_says_what_to_run_and_changes_nothing(empty: Shell) -> None:
    """C25: a schema that is behind is told with the command to run, exit code 3."""
    for _ in range(2):
        ended = empty.run("migrate", "--check")
        assert (ended.code, ended.out) == (3, "")
        assert ended.error.endswith("run `pgqueue migrate`")
    assert empty.run("migrate").code == 0
    assert empty.run("migrate", "--check").code == 0


@pytest.mark.parametrize(
    ("revision", "advice"), [("pgq_0000", "run `pgqueue migrate`"), ("pgq_9999", "upgrade pgqueue")]
)
def test_a_check_tells_a_schema_of_older_code_from_one_of_newer(
    empty: Shell, revision: str, advice: str
) -> None:
    empty.run("migrate")
    with psycopg.connect(empty.dsn, autocommit=True) as conn:
        conn.execute("update pgqueue.alembic_version set version_num = %s", [revision])
    ended = empty.run("migrate", "--check")
    assert ended.code == 3
    assert ended.error.endswith(advice)


def test_a_schema_of_newer_code_is_not_touched(empty: Shell) -> None:
    empty.run("migrate")
    with psycopg.connect(empty.dsn, autocommit=True) as conn:
        conn.execute("update pgqueue.alembic_version set version_num = 'pgq_9999'")
    ended = empty.run("migrate")
    assert ended.code == 1
    assert "newer than this code" in ended.error


def test_the_script_needs_no_database_and_makes_the_same_schema(
    bare_shell: Shell, empty: Shell
) -> None:
    """C25: it prints SQL offline."""
    script = bare_shell.run("migrate", "--sql")
    assert (script.code, script.err) == (0, "")
    with psycopg.connect(empty.dsn, autocommit=True) as conn:
        conn.execute(script.out.encode())
    assert empty.run("migrate", "--check").code == 0


def test_one_revision_can_be_asked_for(empty: Shell) -> None:
    assert "pgq_0001" in empty.run("migrate", "--to", "pgq_0001").out
    ended = empty.run("migrate", "--to", "nosuch")
    assert ended.code == 1
    assert "cannot go to revision 'nosuch'" in ended.error


def test_check_and_sql_exclude_each_other(bare_shell: Shell) -> None:
    assert bare_shell.run("migrate", "--check", "--sql").code == 2


@pytest.mark.parametrize("words", [("dead", "list"), ("push", "ops", "1")])
def test_a_command_on_an_unmigrated_database_says_what_to_run(
    empty: Shell, words: tuple[str, ...]
) -> None:
    ended = empty.run(*words)
    assert ended.code == 3
    assert ended.error.endswith("run `pgqueue migrate`")
