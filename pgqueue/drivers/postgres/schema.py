"""Which schemas this code works on."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from pgqueue.drivers.postgres.failures import translated
from pgqueue.drivers.postgres.statement import load, run
from pgqueue.errors import SchemaError

VERSION: Final = 3

SCHEMA_VERSION = load("schema_version", lambda version, oldest: (version, oldest))


async def check(conn: psycopg.AsyncConnection[Any], schema: str) -> None:
    """Raise SchemaError unless this code works on the database's schema of this name."""
    with translated():
        [(version, oldest)] = await run(conn, SCHEMA_VERSION.within(schema), {})
    if version < VERSION:
        raise SchemaError(
            f"schema {schema} is at version {version}, this code needs {VERSION}: "
            "run `pgqueue migrate`"
        )
    if oldest > VERSION:
        raise SchemaError(
            f"schema {schema} is at version {version} and needs code of version {oldest} or "
            f"newer, this is {VERSION}: upgrade pgqueue"
        )
