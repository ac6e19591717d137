"""A worker's memory does not grow with the jobs that it has run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.documents import ROOT

# A megabyte in a hundred thousand jobs: less than the smallest object for each.
MOST_BYTES_A_JOB = 1024 * 1024 / 100_000


@pytest.mark.timeout(300)
def test_thousands_of_jobs_leave_nothing_behind(dsn: str) -> None:
    """M18: traced objects, once the caches are full; 200 000 jobs are run by hand."""
    command = [sys.executable, "-m", "tests.chaos.memory", "--jobs", "20000", "--trace"]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PGQUEUE_DSN": dsn},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["jobs"] == 20_000
    assert report["objects"] < MOST_BYTES_A_JOB
