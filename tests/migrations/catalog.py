"""Reads pgqueue's schema out of PostgreSQL's catalog, for tests to compare."""

import re
from pathlib import Path

import psycopg

_HERE = Path(__file__).parent


def fingerprint(dsn: str, schema: str = "pgqueue") -> dict[tuple[str, str], str]:
    """Every object of the schema with its definition, keyed by kind and name.

    Wherever its name stands, `pgqueue` is returned, so that schemas can be compared.
    """
    query = (_HERE / "catalog.sql").read_text().replace("'pgqueue'", f"'{schema}'")
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(query.encode()).fetchall()
    word = re.compile(rf"\b{schema}\b|\"{schema}\"")
    return {
        (kind, word.sub("pgqueue", name)): word.sub("pgqueue", definition)
        for kind, name, definition in rows
    }


def without_ledger(catalog: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """The same without Alembic's version table, which belongs to whoever migrates."""
    return {
        key: definition for key, definition in catalog.items() if "alembic_version" not in key[1]
    }


def uncommented(conn: psycopg.Connection) -> list[tuple[str, str]]:
    """Kind and identity of every object of the schema that has no comment."""
    rows = conn.execute((_HERE / "uncommented.sql").read_bytes()).fetchall()
    return [(kind, identity) for kind, identity in rows]
