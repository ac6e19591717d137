from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pgqueue_cli.demo import corpus, ledger
from pgqueue_cli.demo.account import Counted, Done, account, complaints
from pgqueue_cli.demo.parsing import Definition, definitions

DEMO = [sys.executable, "-m", "pgqueue_cli.main", "demo"]

DONE = Done(
    library=10,
    broken=3,
    retries_each=2,
    jobs=range(1, 14),
    exits=[-9, 0],
    held=[4, 5],
    failures=[3, 3, 3],
    mended=1,
)
COUNTED = Counted(
    files=13,
    waiting=2,
    runs=11 + 9 + 1,
    retries=6,
    cut_short=1,
    completions=11,
    indexed=11,
    recovered=2,
    definitions=50,
    definitions_noted=50,
    noted=3,
    dead=2,
    unfinished=0,
)


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), **more}


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        DEMO, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_to(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"the demo ended before it said {words!r}: {process.communicate()[1]}")


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_demo_accounts_for_every_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    env = environment(tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    ended = subprocess.run(DEMO, env=env, capture_output=True, text=True, timeout=100)
    said = ended.stdout
    assert (ended.returncode, ended.stderr) == (0, ""), said
    number = {
        name: int(n.replace(",", "")) for name, n in re.findall(r"  (\w+) +([\d,]+)  ok", said)
    }
    good = len(corpus.standard_library())
    assert number["files"] == number["jobs"] == good + 3
    assert number["indexed"] == number["completed"] == good + 1
    assert number["recovered"] >= 1
    assert [number[one] for one in ("retries", "killed", "noted", "dead")] == [6, 1, 3, 2]
    assert re.search(r"^\$ pgqueue dead list\n+id .*\n(\d+ +sources .*\n){3}", said, re.MULTILINE)
    assert "SyntaxError: '(' was never closed (bracket.py, line 2)" in said
    assert re.search(r"^\d+ +\| exhausted \| SyntaxError: .*encoding\.py", said, re.MULTILINE)
    assert "Everything adds up" in said
    assert max(map(len, said.splitlines())) <= 100
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_stopped_takes_its_workers_with_it(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with started(tmp_path) as process:
        pids = re.findall(r"\d+", read_to(process, "workers").partition(":")[0])
        read_to(process, "killed")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "")
    assert len(pids) == 2
    assert all(is_gone(int(pid)) for pid in pids)
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_the_demo_says_so_in_one_line(tmp_path: Path) -> None:
    env = environment(tmp_path, PGQUEUE_PG_BIN=str(tmp_path / "nothing"))
    ended = subprocess.run(DEMO, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert re.fullmatch(r"pgqueue: PGQUEUE_PG_BIN is .*\n", ended.stderr)


def test_an_account_that_adds_up_has_no_complaints() -> None:
    assert complaints(account(DONE, COUNTED)) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"indexed": 10, "completions": 10}, "indexed is 10 and must be 11"),
        ({"completions": 12}, "completed is 12 and must be 11"),
        ({"files": 12}, "files is 12 and must be 13"),
        ({"runs": 22}, "runs is 22 and must be 21"),
        ({"retries": 5}, "retries is 5 and must be 6"),
        ({"recovered": 1}, "recovered is 1 and must be 2"),
        ({"noted": 2}, "noted is 2 and must be 3"),
        ({"dead": 3, "waiting": 3}, "dead is 3 and must be 2"),
        ({"waiting": 3}, "waiting is 3 and must be 2"),
        ({"definitions": 51}, "definitions is 51 and must be 50"),
        ({"unfinished": 1}, "unfinished is 1 and must be 0"),
    ],
)
def test_a_number_that_does_not_add_up_is_named(change: dict[str, int], named: str) -> None:
    [complaint] = complaints(account(DONE, replace(COUNTED, **change)))
    assert complaint.startswith(named)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"jobs": [*range(1, 13), 12]}, "jobs is 12 and must be 13"),
        ({"exits": [0, 0]}, "killed is 0 and must be 1"),
        ({"held": []}, "recovered is 0 and must be 1"),
        ({"failures": [3, 3, 2]}, "runs is 21 and must be 20"),
    ],
)
def test_what_the_demo_did_must_fit_what_it_counts(change: dict[str, Any], named: str) -> None:
    counted = replace(COUNTED, recovered=0) if change.get("held") == [] else COUNTED
    [complaint] = complaints(account(replace(DONE, **change), counted))
    assert complaint.startswith(named)


def test_the_tables_are_counted_as_they_are(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    ledger.create_tables(conn)
    paths = corpus.write_broken(tmp_path)
    first, second, third = (ledger.push(conn, path) for path in paths)
    conn.execute("insert into demo.runs values (%s, 1, 7), (%s, 2, 8)", (first, first))
    conn.execute("insert into demo.runs values (%s, 1, 7), (%s, 2, 8)", (second, second))
    conn.execute(
        "insert into demo.indexed select 1, %s, 2, 8, 1 from generate_series(1, 2)", (first,)
    )
    conn.execute("insert into demo.deaths values (%s, 'exhausted', 3)", (third,))
    conn.execute("insert into demo.definitions values (1, 'f', 'function', 1)")
    conn.execute("update demo.files set status = 'indexed' where id = 1")
    conn.execute("delete from pgqueue.jobs where id = %s", (third,))
    assert ledger.count(conn, killed=7, jobs=[first]) == Counted(
        files=3,
        waiting=2,
        runs=4,
        retries=1,
        cut_short=1,
        completions=2,
        indexed=1,
        recovered=2,
        definitions=1,
        definitions_noted=2,
        noted=1,
        dead=0,
        unfinished=2,
    )


def test_a_push_that_is_rolled_back_leaves_neither_row_nor_job(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    ledger.create_tables(conn)
    [path, *_] = corpus.write_broken(tmp_path)
    with conn.transaction() as transaction:
        ledger.push(conn, path)
        raise psycopg.Rollback(transaction)
    counted = ledger.count(conn, killed=0, jobs=[])
    assert (counted.files, counted.unfinished) == (0, 0)


def test_every_broken_file_is_broken_and_the_mended_one_is_not(tmp_path: Path) -> None:
    for path in corpus.write_broken(tmp_path):
        with pytest.raises(SyntaxError):
            definitions(path)
    mended = tmp_path / corpus.MENDABLE
    corpus.mend(mended)
    assert definitions(mended) == [Definition("total", "function", 1)]
