"""A payload against real jsonb: what we accept it stores, what we refuse it would refuse."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import TupleRow

from pgqueue.errors import PayloadError
from pgqueue.payload import Codec, encode, encode_many, plain

Connection = psycopg.Connection[TupleRow]

STORABLE_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | STORABLE_TEXT
)
ANY_TEXT = st.text(st.characters() | st.sampled_from('\0\ud800\udfff\\"u'))
ANY_SCALAR = SCALARS | st.floats() | ANY_TEXT


class Colour(StrEnum):
    """Text to Python, and to JSON."""

    RED = "red"


@dataclass
class Shape:
    """What JSON has no form of its own for."""

    corners: int


def trees(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars, lambda part: st.lists(part) | st.dictionaries(keys, part), max_leaves=20
    )


STORABLE = trees(SCALARS, STORABLE_TEXT)
ANYTHING = trees(ANY_SCALAR, ANY_TEXT)
# One connection serves all the examples: none of them leaves anything behind.
ON_ONE_CONNECTION = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def as_json(text: str | bytes) -> Any:
    """Read JSON so that equal values are equal: every number in full."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def stored(conn: Connection, text: str) -> str:
    row = conn.execute("select %s::jsonb::text", (text,)).fetchone()
    assert row is not None
    return str(row[0])


def sealed(value: object) -> bytes:
    return encode(value, max_bytes=1024 * 1024, where="audio")


@given(STORABLE)
def test_payload_in_is_payload_out(value: Any) -> None:
    """B11: big integers, Unicode, nesting and null cross unchanged."""
    data = sealed(value)
    assert as_json(data) == as_json(json.dumps(value))
    assert Codec[Any]().decode(data) == value
    assert Codec[Any]().decode(data.decode()) == value


@ON_ONE_CONNECTION
@given(value=STORABLE)
def test_whatever_is_accepted_is_stored_as_an_equal_value(conn: Connection, value: Any) -> None:
    """B11: jsonb takes every payload that push takes, and gives the same value back."""
    data = sealed(value).decode()
    kept = stored(conn, data)
    assert as_json(kept) == as_json(data)
    assert as_json(sealed(Codec[Any]().decode(kept))) == as_json(data)


@ON_ONE_CONNECTION
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_the_same_float(conn: Connection, value: float) -> None:
    """B11: jsonb writes 1e300 as an integer of 301 digits, which a float field still reads."""
    received = Codec[float](float).decode(stored(conn, sealed(value).decode()))
    assert (type(received), received) == (float, value)


@ON_ONE_CONNECTION
@given(value=ANYTHING)
def test_push_refuses_exactly_the_values_that_jsonb_refuses(conn: Connection, value: Any) -> None:
    """B11: the refusal comes before any SQL, so the caller's transaction is not aborted."""
    try:
        stored(conn, json.dumps(value))
        storable = True
    except psycopg.DataError:
        storable = False
    try:
        sealed(value)
        accepted = True
    except PayloadError:
        accepted = False
    assert accepted == storable


@pytest.mark.parametrize(
    "value",
    ["a\0b", "\ud83d", float("nan"), float("inf"), float("-inf"), {"a\0": 1}, {"\udc00": 1}],
    ids=ascii,
)
def test_jsonb_refuses_what_push_refuses(conn: Connection, value: object) -> None:
    with pytest.raises(psycopg.DataError):
        stored(conn, json.dumps(value))
    with pytest.raises(PayloadError):
        sealed(value)


def test_the_largest_integer_and_the_deepest_tree_are_stored(conn: Connection) -> None:
    value: Any = {"large": 10**4300 - 1, "small": -(10**4299) + 1}
    for _ in range(199):
        value = [value]
    data = sealed(value).decode()
    assert Codec[Any]().decode(stored(conn, data)) == value


@given(trees(ANY_SCALAR, ANY_TEXT | st.integers()))
def test_text_is_refused_for_what_its_value_is_refused_for(value: Any) -> None:
    """B11: with the same words, though most payloads become text without being walked through."""
    assert refusal(lambda: sealed(value)) == refusal(lambda: plain(value, where="audio"))


@given(st.lists(trees(ANY_SCALAR, ANY_TEXT | st.integers()), max_size=50))
def test_many_are_what_each_of_them_is(values: list[Any]) -> None:
    """B11: encoded at once or one by one, the texts and the refusal are the same."""

    def each() -> list[bytes]:
        return [sealed(value) for value in values]

    def together() -> list[bytes]:
        return encode_many(values, max_bytes=1024 * 1024, where="audio")

    assert refusal(together) == refusal(each)
    if refusal(each) is None:
        assert together() == each()


@pytest.mark.parametrize(
    "value",
    [
        {"at": datetime(2026, 1, 2, tzinfo=UTC), "id": UUID(int=7)},
        [Decimal("1.50"), Colour.RED, {Colour.RED}, (1, 2)],
        OrderedDict(a=[Colour.RED, b"bytes"]),
        {"shape": [Shape(1)]},
        {Colour.RED: 1},
        [True, 2**63 - 1, 1.5, None, "ä"],
    ],
    ids=repr,
)
def test_what_containers_hold_is_written_as_it_is_by_itself(value: Any) -> None:
    """B11: whether they can be encoded as they are, or have to be converted first."""
    assert sealed(value) == msgspec.json.encode(plain(value, where="audio"))
    assert encode_many([value] * 2, max_bytes=1000, where="audio") == [sealed(value)] * 2


@pytest.mark.parametrize(
    "bad", ["\0", "\ud83d", float("nan"), {1: 2}, {"a": {2: 3}}, "x" * 11], ids=ascii
)
def test_one_of_many_that_is_refused_alone_is_refused_among_them(bad: object) -> None:
    """B11: in the same words."""
    alone = refusal(lambda: encode(bad, max_bytes=10, where="audio"))
    among = refusal(lambda: encode_many([*range(50), bad, 1], max_bytes=10, where="audio"))
    assert alone == among is not None


def refusal(act: Callable[[], object]) -> str | None:
    try:
        act()
    except PayloadError as error:
        return str(error)
    return None
