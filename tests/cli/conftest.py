"""A folder with an application in it, and a shell to run commands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Shell

APP = '''
import asyncio
import os
import threading
import psycopg
from pgqueue import Postgres, Processors, Queue, Worker

processors = Processors()
others = Processors()
more = Processors()
nothing = "a text"

@processors.process("quick", concurrency=3, attempts=2)
async def quick(payload) -> None: ...

@processors.process("fails", name="always", attempts=1)
async def fails(payload) -> None:
    raise RuntimeError("it \\x1b[31mfailed\\u202e")

@processors.process("locked")
async def locked(payload) -> None:
    """Runs as long as the test holds advisory lock 7."""
    async with await psycopg.AsyncConnection.connect(os.environ["PGQUEUE_DSN"]) as conn:
        print("running", flush=True)
        try:
            await conn.execute("select pg_advisory_lock(7)")
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise

@processors.process("stubborn")
async def stubborn(payload) -> None:
    print("running", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("cancelled", flush=True)

@processors.process("stuck")
def stuck(payload) -> None:
    threading.Thread(target=threading.Event().wait, daemon=False).start()
    print("running", flush=True)
    threading.Event().wait()

@processors.process("late", timeout="100ms")
def late(payload) -> None:
    print("running", flush=True)
    while True:
        pass

@others.process("elsewhere")
async def elsewhere(payload) -> None: ...

worker = Worker(Postgres(), include=[processors, more])
'''


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """A shell whose PGQUEUE_DSN names a fresh, migrated database."""
    (tmp_path / "app.py").write_text(APP)
    return Shell(tmp_path, dsn)


@pytest.fixture
def bare_shell(tmp_path: Path) -> Shell:
    """A shell without any database."""
    (tmp_path / "app.py").write_text(APP)
    return Shell(tmp_path, "")
