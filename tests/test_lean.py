"""pgqueue without psycopg: everything but the Postgres driver works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.documents import ROOT

WITHOUT = """
import sys

class Absent:
    names = ("psycopg", "psycopg_pool", "psycopg_binary", "alembic", "sqlalchemy", "typer", "rich")

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
WORKS = """
import asyncio, pgqueue

processors = pgqueue.Processors()
done = []

@processors.process("plain")
async def run(payload):
    done.append(payload)
    worker.stop()

async def main():
    await worker.run()

if driver is pgqueue.Memory:
    memory = pgqueue.Memory(env=False)
    worker = pgqueue.Worker(memory, include=[processors])
    asyncio.run(memory.push("plain", 1))
    asyncio.run(main())
else:
    sync = pgqueue.Sync(env=False)
    worker = pgqueue.Worker(sync, include=[processors])
    asyncio.run(sync.push("plain", 1))
print(done)
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own, where psycopg is not installed."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_package_can_be_imported_without_psycopg() -> None:
    """C02: and so can all that a producer or a processor is written with."""
    ran = python("import pgqueue, pgqueue.seam, pgqueue.producer; pgqueue.Queue('a')")
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("driver", ["Memory", "Sync"])
def test_the_drivers_without_a_database_work_without_psycopg(driver: str) -> None:
    """C02: a job is pushed, and a worker runs it."""
    ran = python(f"import pgqueue; driver = pgqueue.{driver}\n{WORKS}")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "[1]\n"


def test_only_the_postgres_driver_needs_it() -> None:
    """C02: the environment of these tests does lack it."""
    ran = python("import pgqueue; pgqueue.Postgres")
    assert ran.returncode == 1
    assert "No module named 'psycopg'" in ran.stderr
