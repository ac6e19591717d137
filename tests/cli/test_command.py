"""The command line itself."""

from __future__ import annotations

import subprocess
import sys
from time import monotonic

import pytest

from tests.cli.commands import Shell

HEAVY = (
    *("psycopg", "alembic", "sqlalchemy", "rich", "asyncio", "uvloop"),
    *("pgqueue.drivers", "pgqueue.worker"),
)


def test_help_is_quick_and_fits_a_hundred_columns(bare_shell: Shell) -> None:
    times = []
    for _ in range(3):
        started = monotonic()
        ended = bare_shell.run("--help")
        times.append(monotonic() - started)
    assert ended.code == 0
    assert max(map(len, ended.out.splitlines())) <= 100
    assert not any(line.endswith("...") for line in ended.out.splitlines()[1:])
    assert min(times) < 1.0


@pytest.mark.parametrize(
    "words", [["work"], ["push"], ["processors"], ["migrate"], ["dead"], ["dead", "list"], ["dev"]]
)
def test_every_command_explains_itself(bare_shell: Shell, words: list[str]) -> None:
    ended = bare_shell.run(*words, "--help")
    assert ended.code == 0
    assert max(map(len, ended.out.splitlines())) <= 100
    assert not any(line.endswith("...") for line in ended.out.splitlines()[1:])


def test_heavy_libraries_load_only_in_the_commands_that_need_them() -> None:
    script = f"import sys, pgqueue_cli.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]", loaded


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_printed(bare_shell: Shell, word: str) -> None:
    ended = bare_shell.run(word)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("pgqueue 0.")


def test_a_command_that_does_not_exist_is_a_usage_error(bare_shell: Shell) -> None:
    ended = bare_shell.run("wrok")
    assert ended.code == 2
    assert "Did you mean 'work'" in ended.err
