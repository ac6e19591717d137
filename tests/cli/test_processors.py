"""`pgqueue processors`."""

from __future__ import annotations

from tests.cli.commands import Shell

DSN = "postgresql://u@127.0.0.1:1/x"


def test_processors_are_listed_with_their_policy_and_those_left_out(bare_shell: Shell) -> None:
    """F5: processors that no worker includes are inert, and listed here."""
    listed = bare_shell.run("processors", "app:worker", "--json", PGQUEUE_DSN=DSN)
    assert listed.code == 0
    by_label = {one["label"]: one for one in listed.objects}
    assert len(by_label) == len(listed.objects)
    assert by_label["app.quick"] == {
        **{"label": "app.quick", "queue": "quick", "name": None},
        **{"concurrency": 3, "attempts": 2, "included": True},
    }
    assert by_label["app.fails"]["name"] == "always"
    assert by_label["app.locked"]["attempts"] == 5
    assert [one["label"] for one in listed.objects if not one["included"]] == ["app.elsewhere"]


def test_the_piped_list_is_plain_columns(bare_shell: Shell) -> None:
    """F5: what is not included says so."""
    heading, *rows = bare_shell.run("processors", "app:worker").out.splitlines()
    assert heading.split() == ["label", "queue", "name", "concurrency", "attempts"]
    assert [row.split()[0] for row in rows if row.endswith("  not included")] == ["app.elsewhere"]


def test_one_set_by_itself_leaves_the_other_out(bare_shell: Shell) -> None:
    listed = bare_shell.run("processors", "app:others", "--json").objects
    assert [one["label"] for one in listed if one["included"]] == ["app.elsewhere"]
