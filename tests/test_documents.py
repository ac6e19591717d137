"""What the documents show is run here, as it stands there."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgqueue import Config, durations
from pgqueue.config import variable_of
from tests.documents import ROOT, Folder, blocks, commands

DOCUMENTS = [
    str(path.relative_to(ROOT))
    for path in sorted([*ROOT.glob("*.md"), *ROOT.joinpath("docs").rglob("*.md")])
]


def test_the_readmes_commands_and_files_work_in_their_order(empty_dsn: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path, "README.md", empty_dsn)
    *before, work = commands("README.md")
    assert [before[0][0], before[1][0], work[0]] == ["migrate", "push", "work"]
    printed = [folder.pgqueue(*one) for one in before]
    assert printed[-1].strip() == "1"
    with folder.working(work[1]) as until:
        until("transcoding a.mp3")
        folder.python("push.py")
        for name in "bcde":
            until(f"transcoding {name}.mp3")


def test_the_readmes_effects_are_written_with_the_completion(
    conn: psycopg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    folder = Folder(tmp_path, "README.md", dsn)
    conn.execute("create table lengths (job bigint, length int)")
    folder.pgqueue("push", "lengths", '{"file": "a.mp3"}')
    with folder.working("effects:worker") as until:
        until("done in")
    assert conn.execute("select length from lengths").fetchall() == [(5,)]
    assert conn.execute("select count(*) from pgqueue.all_jobs").fetchone() == (0,)


def test_the_readmes_sql_runs(conn: psycopg.Connection[Any]) -> None:
    """C33: the dead are listed and redriven with the statements that stand there."""
    push, dead = blocks("README.md", "sql")
    conn.execute(push)
    conn.execute(
        "insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at) values"
        """ (7, 'uploads', 'exhausted', '{"v": 1, "payload": {"file": "x"}}',"""
        """ '[{"error": "ValueError: no"}]', now())"""
    )
    listing, redrive = dead.split(";\n\n")
    rows = conn.execute(listing).fetchall()
    assert rows == [(7, "exhausted", "ValueError: no", {"file": "x"})]
    conn.execute(redrive)
    states = conn.execute("select state from pgqueue.all_jobs order by state").fetchall()
    assert states == [("ready",), ("scheduled",)]


def test_the_processors_of_the_documents_run(dsn: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path, "docs/processors.md", dsn)
    folder.pgqueue("push", "mail", '{"to": "ada"}', "--name", "welcome")
    folder.pgqueue("push", "mail", '{"to": "bob"}', "--name", "reset")
    with folder.working("jobs:worker") as until:
        until("welcome ada")
        until("reset bob 1 5")
    folder.pgqueue("push", "letters", '"eve"')
    with folder.working("mailer:worker") as until:
        until("me@example.com eve")


QUESTIONS = (
    "Retry semantics",
    "Batching",
    "Priorities",
    "Scheduled jobs",
    "Ordering",
    "Visibility timeouts",
    "Dead-letter routing",
)


def test_the_readme_answers_how_it_behaves_and_the_example_does_so(
    conn: psycopg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    """B36: a section for each question, and what they say is what happens."""
    readme, text = (ROOT / "README.md").read_text(), (ROOT / "docs/behaviour.md").read_text()
    assert all(f"[{one}](docs/behaviour.md#" in readme for one in QUESTIONS)
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == QUESTIONS
    folder = Folder(tmp_path, "docs/behaviour.md", dsn)
    folder.python("pushes.py")
    with folder.working("shop:worker") as until:
        until("order 13, run 3 of 3")
        until("mail to ada")
    printed = (tmp_path / "worker.log").read_text()
    orders = re.findall(r"order (\d+), run", printed)
    assert orders == ["99", "1", "2", "13", "14", "13", "13"]
    listing, redrive = blocks("docs/behaviour.md", "sql")[0].strip().split("\n")
    assert [row[1:] for row in conn.execute(listing)] == [("aborted", "Abort: no such card")]
    conn.execute(redrive)
    assert conn.execute("select state from pgqueue.all_jobs").fetchall() == [("ready",)]


def test_the_settings_examples_run(dsn: str, tmp_path: Path) -> None:
    """C05, C06: as the document on settings shows them."""
    folder = Folder(tmp_path, "docs/configuration.md", dsn)
    folder.pgqueue("push", '"ada"')
    with folder.working("app:worker") as until:
        until("hello ada")
    for block in blocks("docs/configuration.md", "sh"):
        for line in block.splitlines():
            variable, value = shlex.split(line)[1].split("=", 1)
            Config.load(env={variable: value.replace("…", "db/x")})


def test_every_setting_is_in_the_table_with_its_variable_and_default() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `?([^|`]+?)`? \|", text, re.MULTILINE)
    default = Config()
    shown = {
        one.name: (variable_of(one.name), _shown(getattr(default, one.name)))
        for one in fields(Config)
    }
    documented = {name: (variable, value) for name, variable, value in rows}
    assert set(documented) == set(shown)
    for name, (variable, value) in documented.items():
        assert variable == shown[name][0]
        if name != "backoff":
            assert value == shown[name][1], name
    assert Config(backoff=documented["backoff"][1]).backoff == default.backoff


def _shown(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return durations.format(value).replace("1m", "60s") if hasattr(value, "days") else str(value)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    assert [one for one in links if not (path.parent / one).exists()] == []


def test_nobody_is_told_to_install_somebody_elses_package() -> None:
    texts = {document: (ROOT / document).read_text() for document in DOCUMENTS}
    wrong = re.compile(r"(pip|uv( pip)?|uvx|pipx)\s+(install|add|run)?\s*pgqueue\b")
    assert [name for name, text in texts.items() if wrong.search(text)] == []
