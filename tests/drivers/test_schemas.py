"""A statement serves every schema: its text is made once for each name."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from pgqueue import ConfigError, Postgres
from pgqueue.drivers.postgres.settle import COMPLETE, RETRY
from pgqueue.drivers.postgres.statement import Statement, load, renamed

STATEMENTS = sorted(
    one.name.removesuffix(".sql")
    for one in files("pgqueue.drivers.postgres").joinpath("sql").iterdir()
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("from pgqueue.jobs", 'from "reports".jobs'),
        ("(pgqueue.ring(%(queue)s))", '("reports".ring(%(queue)s))'),
        ("listen pgqueue", 'listen "reports"'),
        ("'pgqueue.jobs' || 'it''s pgqueue.x'", "'pgqueue.jobs' || 'it''s pgqueue.x'"),
        ("'' pgqueue.jobs ''", "'' \"reports\".jobs ''"),
        ("my_pgqueue.x pgqueue_2.x pgqueuex", "my_pgqueue.x pgqueue_2.x pgqueuex"),
        ('a.pgqueue.x "pgqueue".x $pgqueue$', 'a.pgqueue.x "pgqueue".x $pgqueue$'),
    ],
)
def test_only_the_schemas_own_name_is_replaced(written: str, meant: str) -> None:
    assert renamed(written, "reports") == meant


@pytest.mark.parametrize("name", STATEMENTS)
def test_nothing_in_a_statement_escapes_the_renaming(name: str) -> None:
    text = load(name, tuple).within("reports").text.decode()
    assert "pgqueue" not in text
    assert ('"reports"' in text) is (
        name not in {"leave_bells", "session", "stay", "echo", "plan_once"}
    )


def test_a_statement_is_derived_once_and_the_default_not_at_all() -> None:
    assert COMPLETE.within("pgqueue") is COMPLETE
    derived: Statement[int] = COMPLETE.within("reports")
    assert derived.row is COMPLETE.row
    assert COMPLETE.within("reports") is derived
    assert COMPLETE.within("other") is not derived
    assert RETRY.within("reports") is not derived


@pytest.mark.parametrize("name", ["Reports", "a.b", 'x"', "pg_x", "", "1a", "ä", "a" * 42])
def test_no_text_but_a_plain_name_reaches_sql(name: str) -> None:
    """D27: what is put into statements cannot be more than a name."""
    with pytest.raises(ConfigError, match=re.escape("schema (PGQUEUE_SCHEMA)")):
        Postgres("postgresql://nowhere/x", schema=name)
