"""Statements are values, and the connection colours the call."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import psycopg
import pytest

from pgqueue.deadfilter import Filter
from pgqueue.drivers.postgres.claims import CLAIM
from pgqueue.drivers.postgres.dead import GET, LIST
from pgqueue.drivers.postgres.schema import SCHEMA_VERSION, VERSION
from pgqueue.drivers.postgres.statement import Statement, load, run
from pgqueue.letters import DeadJob
from tests.drivers.store import Connection, claim_parameters

STATEMENTS = sorted(
    one.name.removesuffix(".sql")
    for one in files("pgqueue.drivers.postgres").joinpath("sql").iterdir()
)
FILTERS = Filter().parameters | {"after": 1, "limit": 1}


async def test_a_blocking_connection_gives_rows_and_an_async_one_an_awaitable(
    conn: Connection, aconn: psycopg.AsyncConnection[Any]
) -> None:
    assert run(conn, SCHEMA_VERSION, {}) == [(VERSION, 1)]
    assert await run(aconn, SCHEMA_VERSION, {}) == [(VERSION, 1)]


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (CLAIM, claim_parameters({"audio": 1})),
        (LIST, FILTERS),
    ],
    ids=["claim", "dead_list"],
)
def test_columns_are_the_fields_of_their_row(
    conn: Connection, statement: Statement[Any], parameters: dict[str, Any]
) -> None:
    description = conn.execute(statement.text, parameters).description
    assert description is not None
    columns = [column.name for column in description]
    fields = [field for field in statement.row.__annotations__ if field != "dead"]
    assert ["token" if name == "lease" else name for name in columns] == fields


def test_a_dead_letter_has_a_field_for_each_column(conn: Connection) -> None:
    description = conn.execute(GET.text, {"id": 1}).description
    assert description is not None
    assert [column.name for column in description] == list(DeadJob.__annotations__)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_begins_with_its_promise_and_names_its_columns(name: str) -> None:
    text = files("pgqueue.drivers.postgres").joinpath("sql", f"{name}.sql").read_text()
    assert text.startswith("-- ")
    assert text.splitlines()[0].endswith((".", ","))
    assert "*" not in text.replace("count(*)", "").replace(" * ", " times ")
    assert ";" not in text


@pytest.mark.parametrize("name", STATEMENTS)
def test_names_with_a_colon_become_parameters(name: str) -> None:
    text = load(name, tuple).text.decode()
    assert not re.search(r"(?<!:):[a-z]", text)


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_row_reads_through_an_array_to_find_its_element(name: str) -> None:
    """With array_position the time of a batch grows with its square."""
    assert b"array_position" not in load(name, tuple).text
