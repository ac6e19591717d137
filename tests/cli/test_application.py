"""How `pgqueue work` finds an application, and what it says when it cannot."""

from __future__ import annotations

import pytest

from tests.cli.commands import Shell


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nosuch:thing", "cannot import nosuch: there is no module 'nosuch' in"),
        ("app.nosuch:thing", "cannot import app.nosuch: there is no module 'app.nosuch' in"),
        (
            "app:wroker",
            "module app has no 'wroker'; it has processors (Processors), others (Processors), "
            "more (Processors), worker (Worker)",
        ),
        ("app:nothing", "app:nothing is a str, not a Worker or Processors; it has processors"),
        ("app", "'app' is not MODULE:ATTR, such as app.main:worker"),
        ("./app.py:worker", "'./app.py:worker' is not MODULE:ATTR"),
        ("empty:worker", "module empty has no 'worker'; it has neither a Worker nor Processors"),
    ],
)
def test_a_target_that_cannot_be_used_is_explained_in_one_line(
    bare_shell: Shell, target: str, said: str
) -> None:
    bare_shell.write("empty.py", "")
    ended = bare_shell.run("work", target)
    assert (ended.code, ended.out) == (2, "")
    assert ended.error.startswith(f"pgqueue: {said}")


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("import nosuch_dependency", "ModuleNotFoundError"),
        ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_a_bug_in_the_users_module_shows_their_own_traceback(
    bare_shell: Shell, code: str, raised: str
) -> None:
    bare_shell.write("broken.py", code)
    ended = bare_shell.run("work", "broken:worker")
    *shown, last = ended.err.splitlines()
    assert ended.code == 2
    assert last == f"pgqueue: cannot import broken: it raised {raised}; its traceback is above"
    assert 'broken.py", line' in ended.err or raised == "SystemExit"
    assert shown[-1].startswith(raised)
    assert "importlib" not in ended.err
    assert "pgqueue_cli" not in ended.err


def test_a_declaration_that_is_refused_is_one_line(bare_shell: Shell) -> None:
    """B30: a value out of range aborts the start, naming the variable."""
    ended = bare_shell.run("work", "app:worker", PGQUEUE_LEASE="soon")
    assert ended.code == 2
    assert ended.error.startswith("pgqueue: lease (PGQUEUE_LEASE): ")


def test_no_target_at_all_is_explained(bare_shell: Shell) -> None:
    ended = bare_shell.run("work")
    assert ended.code == 2
    assert ended.error.startswith("pgqueue: no application is named: give MODULE:ATTR")


def test_the_target_comes_from_the_argument_else_the_variable_else_pyproject(
    bare_shell: Shell,
) -> None:
    def missing(*words: str, **variables: str) -> str:
        return bare_shell.run("work", *words, **variables).error.split()[3].rstrip(":")

    bare_shell.write("pyproject.toml", '[tool.pgqueue]\napp = "in_pyproject:worker"')
    assert missing() == "in_pyproject"
    bare_shell.write(".env", "PGQUEUE_APP=in_dotenv:worker")
    assert missing() == "in_dotenv"
    assert missing(PGQUEUE_APP="in_variable:worker") == "in_variable"
    assert missing("in_argument:worker", PGQUEUE_APP="in_variable:worker") == "in_argument"


@pytest.mark.parametrize("text", ["[tool", "[tool.pgqueue]\napp = 1", "tool = 1"])
def test_a_pyproject_that_cannot_be_read_is_named(bare_shell: Shell, text: str) -> None:
    bare_shell.write("pyproject.toml", text)
    ended = bare_shell.run("work")
    assert ended.code == 2
    assert "pyproject.toml: " in ended.error


def test_another_folder_may_hold_the_module(bare_shell: Shell) -> None:
    (bare_shell.folder / "src").mkdir()
    bare_shell.write("src/inner.py", "from pgqueue import Processors\nprocessors = Processors()\n")
    listed = bare_shell.run("processors", "inner:processors", "--app-dir", "src")
    assert (listed.code, listed.error) == (0, "no processors")
