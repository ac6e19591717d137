"""What reaches a handler: its own type, or a rejection that names the field."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

import pytest

from pgqueue.errors import ConfigError, Rejected
from pgqueue.payload import Codec, encode
from tests.contract.payloads import (
    ALBUM,
    CANARY,
    CUSTOMER,
    SONG,
    Address,
    Album,
    Colour,
    Customer,
    Order,
    Picky,
    Point,
    Positive,
    Song,
    User,
)

ROUND_TRIPS: list[tuple[Any, object]] = [
    (Song, SONG),
    (Album, ALBUM),
    (Point, Point(1, 2)),
    (User, {"user_id": 1, "name": "Ada"}),
    (dict, {"any": [1, None, {"deep": True}]}),
    (list[Song], [SONG, SONG]),
    (int | str, "text"),
    (Song | None, None),
    (Song | None, SONG),
    (Customer, CUSTOMER),
    (Order, Order(CUSTOMER, 3)),
    (list[Customer] | None, [CUSTOMER]),
    (dict[str, Address], {"home": CUSTOMER.addresses[0]}),
    (int, 10**4299),
    (float, 0.1),
    (bool, True),
    (str, "🎵"),
    (UUID, UUID(int=3)),
    (None, {"plain": [1.5]}),
    (type(None), None),
    (object, ["plain"]),
    (Any, "plain"),
]


@pytest.mark.parametrize("text", [False, True], ids=["bytes", "text"])
@pytest.mark.parametrize(("kind", "value"), ROUND_TRIPS, ids=lambda value: str(value)[:30])
def test_a_handler_receives_the_type_that_was_pushed(kind: Any, value: object, text: bool) -> None:
    """A11: dataclass, model, Struct, TypedDict, dict or scalar, as the annotation says."""
    data = encode(value, max_bytes=1024 * 1024, where="audio")
    received = Codec[Any](kind).decode(data.decode() if text else data)
    assert received == value
    assert type(received) is type(value)


@pytest.mark.parametrize("kind", [Song, Point, User, Address])
def test_a_field_of_a_newer_producer_is_ignored(kind: Any) -> None:
    """A13: the worker may be one deploy behind."""
    known = {"file": "a", "x": 1, "user_id": 1, "name": "Ada", "street": "Rue", "no": 3}
    assert Codec[Any](kind).decode(json.dumps(known | {"from_the_future": [1]})) is not None


REJECTED: list[tuple[Any, str | bytes, str]] = [
    (Song, '{"file": 3}', r"Song: Expected `str`, got `int` - at `\$\.file`"),
    (Song, '{"seconds": 3}', r"Song: Object missing required field `file`"),
    (User, f'{{"user_id": "{CANARY}"}}', r"User: Expected `int`, got `str` - at `\$\.user_id`"),
    (list[Point], '[{"x": 1}, {"x": null}]', r"Expected `int`, got `null` - at `\$\[1\]\.x`"),
    (dict[str, int], f'{{"{CANARY}": "a"}}', r"Expected `int`, got `str` - at `\$\[\.\.\.\]`"),
    (Colour, f'"{CANARY} - at `$.x`"', r"Colour: Invalid enum value$"),
    (list[Literal["a"]], f'["{CANARY}"]', r"Invalid enum value - at `\$\[0\]`$"),
    (Address, f'{{"street": "{CANARY}"}}', r"in `Address`: `\$\.no` missing"),
    (Address, f'"{CANARY}"', r"in `Address`: `\$` model type"),
    (
        Order,
        f'{{"total": 1, "customer": {{"id": "{CANARY}", "since": 1, "addresses": [{{}}]}}}}',
        r"in `Customer`: `\$\.id` uuid parsing, .*`\$\.addresses\[0\]\.street` missing.* "
        r"- at `\$\.customer`",
    ),
    (Picky, '{"kind": "a"}', r"in `Picky`: `\$\.kind` value error"),
    (Picky, f'{{"kind": "{CANARY}"}}', r"in `Picky`: `\$\.kind` literal error"),
    (list[Positive], '[{"number": -1}]', r"its class raised ValueError - at `\$\[0\]`"),
    (Positive, '{"number": 0}', r"its class raised LookupError"),
    (type("Custom", (), {}), "{}", r"`Custom` is no dataclass"),
    (Any, "[" * 100_000, r"nested too deep to be read"),
    (Any, "9" * 5000, r"Integer value out of range"),
    (Any, "[" * 150 + "9" * 5000, r"out of range - at `.{80,100}….*`$"),
    (float, "9" * 400, r"Number out of range"),
    (str, b'"\xff"', r"not valid Unicode"),
    (str, '"\ud800"', r"not valid Unicode"),
    (Any, f"{CANARY}", r"JSON is malformed"),
    (Any, "", r"Input data was truncated"),
]


@pytest.mark.parametrize(("kind", "data", "message"), REJECTED, ids=lambda value: str(value)[:30])
def test_json_that_does_not_fit_is_rejected_naming_type_and_field_and_never_the_input(
    kind: Any, data: str | bytes, message: str
) -> None:
    """A12: the handler never runs, and the error names the offending fields."""
    with pytest.raises(Rejected, match=message) as caught:
        Codec[Any](kind).decode(data)
    assert str(caught.value).startswith("the payload does not fit ")
    assert CANARY not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert caught.value.__context__ is None


@pytest.mark.parametrize("kind", [Address | Picky, "Song", 3])
def test_a_type_that_no_json_can_be_read_into_is_refused_where_it_is_declared(kind: Any) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read from JSON: .*; use a dataclass"):
        Codec[Any](kind)
