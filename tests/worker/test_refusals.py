"""The database will not let a worker do its work: it says so in one line, and stops."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo

from pgqueue import BackendError, Postgres, Processors, SchemaError, Worker
from tests.worker.conftest import QUICK
from tests.worker.running import Connection, eventually, finished


@pytest.fixture
def role(conn: Connection) -> Iterator[str]:
    """A role that may do everything with our tables, for the time being."""
    name = f"pgqueue_test_{secrets.token_hex(6)}"
    conn.execute(f"create role {name} login password '{name}'".encode())
    conn.execute(f"grant usage on schema pgqueue to {name}".encode())
    conn.execute(f"grant all on all tables in schema pgqueue to {name}".encode())
    yield name
    conn.execute(f"drop owned by {name}".encode())
    conn.execute(f"drop role {name}".encode())


@pytest.fixture
def idle(processors: Processors) -> Processors:
    """One processor, which has nothing to do."""

    @processors.process("audio")
    async def run(payload: int) -> None:
        """Do nothing."""

    return processors


async def test_a_worker_whose_table_is_gone_stops_and_names_the_command(
    dsn: str, idle: Processors, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """P8, C25: in one line; a restart by whatever runs it will say the same."""
    caplog.set_level("INFO", "pgqueue.worker")
    task = asyncio.create_task(Worker(Postgres(dsn, **QUICK), include=[idle]).run())
    await eventually(lambda: "started with" in caplog.text, True)
    conn.execute("alter table pgqueue.jobs rename to elsewhere")
    await finished(task)
    with pytest.raises(SchemaError, match="run `pgqueue migrate`"):
        task.result()
    _said(caplog, "run `pgqueue migrate`")


async def test_a_worker_that_may_not_claim_any_more_stops_and_says_what_it_may_not(
    direct_dsn: str, idle: Processors, conn: Connection, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    """P8: the right is gone, and waiting does not bring it back."""
    pg = Postgres(make_conninfo(direct_dsn, user=role, password=role), **QUICK)
    caplog.set_level("INFO", "pgqueue.worker")
    task = asyncio.create_task(Worker(pg, include=[idle]).run())
    await eventually(lambda: "started with" in caplog.text, True)
    conn.execute(f"revoke all on all tables in schema pgqueue from {role}".encode())
    await finished(task)
    with pytest.raises(BackendError, match=r"InsufficientPrivilege 42501.*its grants"):
        task.result()
    _said(caplog, "InsufficientPrivilege")


def _said(caplog: pytest.LogCaptureFixture, what: str) -> None:
    lines = [one for one in caplog.records if one.levelname == "CRITICAL"]
    assert lines
    for line in lines:
        assert line.getMessage().startswith("the database ends this worker: ")
        assert what in line.getMessage()
        assert line.exc_info is None
