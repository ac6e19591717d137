"""Which schema the tables live in, and how texts written for `pgqueue` are made to fit another."""

import re

from pgqueue_migrations.errors import MigrationError

DEFAULT = "pgqueue"

_USABLE = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,40}")
_WORD = re.compile(r"(?<![\w.$\"])pgqueue(?![\w$])")
# Comments and quoted texts come whole, so that an apostrophe in one is not the start of another.
_TOKEN = re.compile(rf"--[^\n]*|'(?:[^']|'')*'|{_WORD.pattern}")


def checked(schema: str) -> str:
    """The name, if it can name the schema; a MigrationError otherwise."""
    if not _USABLE.fullmatch(schema):
        raise MigrationError(
            f"schema name {schema!r:.60} is not usable: use 1 to 41 lower-case letters, digits "
            "and _, not starting with a digit or pg_"
        )
    return schema


def within(schema: str, sql: str) -> str:
    """The SQL for another schema than the one that it was written for.

    In a revision the word pgqueue means the schema everywhere: as a qualifier, in quoted names
    and channels, and in what comments say.
    """
    if schema == DEFAULT:
        return sql
    return _TOKEN.sub(lambda token: _renamed(token[0], schema), sql)


def _renamed(token: str, schema: str) -> str:
    # Quoted, for the name may be a reserved word; inside a text the name itself is meant.
    return f'"{schema}"' if token == DEFAULT else _WORD.sub(schema, token)
