import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from tests.databases import new_database, on_database

Connection = psycopg.Connection[TupleRow]


def databases(server: Connection) -> set[str]:
    return {str(row[0]) for row in server.execute("select datname from pg_database")}


@pytest.mark.parametrize("turn", [1, 2])
def test_what_one_test_writes_no_other_test_sees(conn: Connection, turn: int) -> None:
    assert conn.execute("select to_regclass('left_behind')").fetchone() == (None,)
    conn.execute("create table left_behind ()")


def test_the_fresh_database_has_our_schema_and_the_empty_one_has_not(
    conn: Connection, empty_dsn: str
) -> None:
    question = "select to_regclass('pgqueue.jobs') is not null"
    assert conn.execute(question).fetchone() == (True,)
    with psycopg.connect(empty_dsn) as empty:
        assert empty.execute(question).fetchone() == (False,)


async def test_the_async_connection_is_to_the_same_database(
    conn: Connection, aconn: psycopg.AsyncConnection[TupleRow]
) -> None:
    assert aconn.info.dbname == conn.info.dbname
    assert aconn.autocommit


def test_a_database_is_dropped_even_while_somebody_is_connected(
    server: Connection, server_dsn: str, template: str
) -> None:
    with new_database(server, template=template) as name:
        connection = psycopg.connect(on_database(server_dsn, name))
        assert name in databases(server)
    assert name not in databases(server)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p@h:1/postgres?sslmode=disable", "postgresql://u:p@h:1/x?sslmode=disable"),
        ("host=h dbname=postgres", "host=h dbname=x"),
    ],
)
def test_only_the_database_changes_in_a_connection_string(dsn: str, expected: str) -> None:
    assert conninfo_to_dict(on_database(dsn, "x")) == conninfo_to_dict(expected)
