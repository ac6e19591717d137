"""What a database error means is decided by its SQLSTATE, as one table says."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue.drivers.postgres.failures import Meaning, meaning, translate
from pgqueue.errors import BackendError, SchemaError, Unavailable
from tests.drivers.store import Connection

# By meaning: what pgqueue raises, and the states, of which psycopg makes all kinds of classes.
CASES: dict[Meaning, tuple[type[BackendError], str]] = {
    Meaning.RECONNECT: (
        Unavailable,
        "08000 08003 08006 08P01 57P01 57P02 57P03 57P05 25P03 25P04 53300",
    ),
    Meaning.AGAIN: (Unavailable, "40001 40P01 55P03 57014"),
    Meaning.READ_ONLY: (Unavailable, "25006"),
    Meaning.UNFIT: (Unavailable, "26000 42P05"),
    Meaning.BACK_OFF: (Unavailable, "53000 53100 53200 53400"),
    Meaning.SCHEMA: (SchemaError, "42P01 42703 42883 3F000"),
    Meaning.ACCESS: (BackendError, "42501 28000 28P01 3D000 57P04"),
    Meaning.REFUSED: (
        BackendError,
        "22P02 22P05 22003 22023 54000 54001 23514 23505 0A000 42601 XX000 P0001",
    ),
}
STATES = [(state, means) for means, (_, states) in CASES.items() for state in states.split()]


def raised(conn: Connection, state: str) -> psycopg.Error:
    """Have the server raise an error of this state, and return it."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(f"do $$ begin raise exception 'oh' using errcode = '{state}'; end $$".encode())
    assert caught.value.sqlstate == state
    return caught.value


@pytest.mark.parametrize(("state", "means"), STATES)
def test_a_state_decides_what_an_error_means(conn: Connection, state: str, means: Meaning) -> None:
    """P8, M35: whatever class psycopg has made of it."""
    error = raised(conn, state)
    told = translate(error)
    assert (meaning(error), type(told)) == (means, CASES[means][0])
    assert state in str(told) or means is Meaning.SCHEMA
    assert "oh" in str(told)


def test_every_meaning_has_a_case() -> None:
    assert set(CASES) == set(Meaning)


def test_a_value_that_is_too_large_is_no_lost_connection(conn: Connection) -> None:
    """M36: psycopg calls both OperationalError; this one would fail for ever."""
    error = raised(conn, "54000")
    assert isinstance(error, psycopg.OperationalError)
    assert not isinstance(translate(error), Unavailable)


def test_a_closed_connection_may_be_replaced(dsn: str) -> None:
    """M22: nobody answered, so there is no state."""
    conn = psycopg.connect(dsn)
    conn.close()
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select 1")
    assert meaning(caught.value) is Meaning.RECONNECT


def test_a_misused_driver_is_no_lost_connection(conn: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select %s", [object()])
    assert meaning(caught.value) is Meaning.REFUSED


def test_a_plan_that_does_not_fit_any_more_costs_its_connection(conn: Connection, dsn: str) -> None:
    """M34: the table has changed since the statement was prepared."""
    conn.execute("create table shape (a int)")
    conn.execute("select * from shape", prepare=True)
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("alter table shape add b int")
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        conn.execute("select * from shape", prepare=True)
    assert meaning(caught.value) is Meaning.UNFIT
