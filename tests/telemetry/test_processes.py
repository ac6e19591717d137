"""One trace over two processes that share nothing but the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.worker.running import Connection, drained

ROOT = Path(__file__).parents[2]


def started(dsn: str, role: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.telemetry.process", role],
        cwd=ROOT,
        env=os.environ | {"PGQUEUE_DSN": dsn, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def spans(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    try:
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


async def test_the_worker_process_continues_the_trace_of_the_producer_process(
    conn: Connection, dsn: str
) -> None:
    """D20, D21, D22, D24: a child, then a link, and the baggage in both attempts."""
    (order,) = spans(started(dsn, "producer"))
    worker = started(dsn, "worker")
    try:
        await drained(conn)
    finally:
        worker.terminate()
    first, second = spans(worker)
    origin = order["context"]
    assert first["name"] == second["name"] == "process mail"
    assert first["context"]["trace_id"] == origin["trace_id"]
    assert first["parent_id"] == origin["span_id"]
    assert first["attributes"]["error.type"] == "ConnectionError"
    assert second["parent_id"] is None
    assert second["context"]["trace_id"] != origin["trace_id"]
    (link,) = second["links"]
    assert link["context"]["trace_id"] == origin["trace_id"]
    assert link["context"]["span_id"] == origin["span_id"]
    assert [one["attributes"]["tenant"] for one in (first, second)] == ["7", "7"]
