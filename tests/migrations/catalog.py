"""Reads schema pgqueue out of PostgreSQL's catalog, for tests to compare."""

from pathlib import Path

import psycopg

_HERE = Path(__file__).parent


def fingerprint(dsn: str) -> dict[tuple[str, str], str]:
    """Every object of the schema with its definition, keyed by kind and name."""
    with psycopg.connect(dsn) as conn:
        rows = conn.execute((_HERE / "catalog.sql").read_bytes()).fetchall()
    return {(kind, name): definition for kind, name, definition in rows}


def without_ledger(catalog: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """The same without Alembic's version table, which belongs to whoever migrates."""
    return {
        key: definition for key, definition in catalog.items() if "alembic_version" not in key[1]
    }


def uncommented(conn: psycopg.Connection) -> list[tuple[str, str]]:
    """Kind and identity of every object of the schema that has no comment."""
    rows = conn.execute((_HERE / "uncommented.sql").read_bytes()).fetchall()
    return [(kind, identity) for kind, identity in rows]
