"""What the documents for operators say is what happens."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from pgqueue_cli import main
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from pgqueue.worker.probes import Address
from tests.cli.commands import Shell
from tests.documents import ROOT, Folder, blocks, commands

Connection = psycopg.Connection[Any]
OPERATING = "docs/operating.md"
_QUERY = re.compile(r"<!-- query: (\w+) -->\n```sql\n(.*?)```", re.DOTALL)
_REASON = re.compile(r"^\| `(--[^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
QUERIES = dict(_QUERY.findall((ROOT / "docs/inspecting.md").read_text()))
REASONS = _REASON.findall((ROOT / OPERATING).read_text())
APP = """
from pgqueue import Postgres, Processors, Worker
processors = Processors()

@processors.process("quick")
async def run(payload) -> None: ...

worker = Worker(Postgres(), include=[processors])
"""
ERROR = '[{"attempt": 1, "at": "2026-01-02T03:04:05Z", "worker": "w", "error": "ValueError: no"}]'


@pytest.fixture
def jobs(conn: Connection) -> Connection:
    """A job in each state: ready, leased, scheduled after a failure, dead."""
    conn.execute("select pgqueue.push('mails', '{\"to\": \"ada\"}')")
    conn.execute("select pgqueue.push('mails', '2', delay => interval '1 hour')")
    conn.execute("""
        insert into pgqueue.jobs (id, queue, attempt, lease, worker, visible_at, envelope)
        values (40, 'audio', 1, 7, 'host:1', now() + interval '1 minute',
          '{"v": 1, "payload": null}')""")
    conn.execute(
        """
        insert into pgqueue.scheduled_jobs (id, queue, name, attempt, run_at, envelope, failures)
        values (42, 'audio', 'fast', 1, now() + interval '5 minutes',
          '{"v": 1, "payload": null}', %s)""",
        [ERROR],
    )
    conn.execute(
        """
        insert into pgqueue.dead_jobs (id, queue, reason, envelope, failures, pushed_at)
        values (43, 'audio', 'exhausted', '{"v": 1, "payload": null}', %s, now())""",
        [ERROR],
    )
    return conn


def answer(conn: Connection, query: str) -> list[tuple[Any, ...]]:
    return conn.execute(QUERIES[query].encode()).fetchall()


def test_the_queries_find_depth_age_and_holders(jobs: Connection) -> None:
    """K10: as they stand in the document."""
    assert answer(jobs, "depth") == [
        ("audio", "dead", 1),
        ("audio", "leased", 1),
        ("audio", "scheduled", 1),
        ("mails", "ready", 1),
        ("mails", "scheduled", 1),
    ]
    jobs.execute("update pgqueue.jobs set visible_at = now() - interval '1 h' where lease is null")
    [(queue, waiting, oldest)] = answer(jobs, "oldest")
    assert (queue, waiting, oldest.total_seconds() // 3600) == ("mails", 1, 1)
    [(worker, job, *_, left)] = answer(jobs, "leased")
    assert (worker, job, 0 < left.total_seconds() <= 60) == ("host:1", 40, True)


def test_the_queries_tell_the_history_of_one_job(jobs: Connection) -> None:
    """K10: where it is, and each failure with its time and worker."""
    [(job, queue, name, state, attempt, *_)] = answer(jobs, "job")
    assert (job, queue, name, state, attempt) == (42, "audio", "fast", "scheduled", 1)
    [(attempt, at, worker, error)] = answer(jobs, "history")
    assert (attempt, at.year, worker, error) == (1, 2026, "w", "ValueError: no")
    first, second = answer(jobs, "scheduled")
    assert (first[0], first[-1]) == (42, "ValueError: no")
    assert second[-1] is None
    assert [row[1] for row in answer(jobs, "payloads")] == [{"to": "ada"}]


def test_every_query_of_the_document_is_run_here(jobs: Connection) -> None:
    """K10: none is only shown."""
    assert len(QUERIES) == len(blocks("docs/inspecting.md", "sql"))
    for query in QUERIES:
        assert answer(jobs, query), query


@pytest.mark.parametrize(("flags", "reason"), REASONS, ids=[flags for flags, _ in REASONS])
def test_a_worker_stops_for_the_reason_that_the_document_gives(
    dsn: str, tmp_path: Path, flags: str, reason: str
) -> None:
    """C40: as the table pairs them."""
    (tmp_path / "app.py").write_text(APP)
    shell = Shell(tmp_path, dsn)
    for number in range(3):
        shell.run("push", "quick", str(number))
    ended = shell.run("work", "app:worker", *flags.split())
    assert ended.code == 0
    assert ended.err.splitlines()[-1].endswith(f"stopped: {reason}")


def test_the_table_has_every_way_of_stopping() -> None:
    """C40: once, empty, jobs, time and memory."""
    documented = {flags.split()[0] for flags, _ in REASONS}
    assert documented == {"--once", "--max-jobs", "--stop-when-empty", "--max-time", "--memory"}


def test_an_application_of_its_own_answers_probes(dsn: str, tmp_path: Path) -> None:
    """M19: the example runs as it stands."""
    folder = Folder(tmp_path, OPERATING, dsn)
    folder.pgqueue("push", "hello", '"ada"')
    assert folder.python("mine.py") == "hello ada True\n"


def test_the_commands_and_their_options_exist() -> None:
    """C10: also those in the examples of deployments."""
    shown = [*commands(OPERATING)]
    [deployment] = map(yaml.safe_load, blocks(OPERATING, "yaml"))
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    shown.append(container["args"][1:])
    unit = dict(re.findall(r"^(\w+)=(.*)$", blocks(OPERATING, "ini")[0], re.MULTILINE))
    shown.append(shlex.split(unit["ExecStart"])[1:])
    command = get_command(main.app)
    assert isinstance(command, TyperGroup)
    known = {option for one in command.commands["work"].params for option in one.opts}
    for words in shown:
        assert words[:2] == ["work", "app:worker"]
        assert {word for word in words if word.startswith("--")} <= known
    address = Address.parse(container["args"][container["args"].index("--health") + 1])
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert container[probe]["httpGet"] == {"path": path, "port": address.port}
    grace = int(container["env"][0]["value"].removesuffix("s"))
    assert pod["terminationGracePeriodSeconds"] > grace
    assert int(unit["TimeoutStopSec"]) > grace


def test_the_answer_in_the_document_has_the_members_of_a_real_one() -> None:
    [shown] = map(json.loads, blocks(OPERATING, "json"))
    assert list(shown) == ["ready", "reasons", "notes"]


def test_the_help_names_what_the_document_names() -> None:
    text = CliRunner().invoke(main.app, ["work", "--help"]).output
    for option in ("--health", "--reload", "--log-format", "--queue", "--concurrency"):
        assert option in text
        assert f"`{option}" in (ROOT / OPERATING).read_text()
