"""What may leave a producer: refused at push, with the path, or stored unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pgqueue.errors import PayloadError
from pgqueue.payload import Codec, encode
from pgqueue.plain import MAX_DEPTH, is_sealed_shape
from tests.contract.payloads import CANARY, Box, Crate, Endless, FloatModel, Level, Shout, Song


def sealed(value: object) -> bytes:
    return encode(value, max_bytes=1024 * 1024, where="audio")


def test_subclasses_of_text_and_numbers_are_text_and_numbers() -> None:
    assert sealed({Shout("k"): [Shout("v"), Level.HIGH]}) == b'{"k":["v",3]}'


def nested(depth: int) -> object:
    value: object = "leaf"
    for _ in range(depth):
        value = [value]
    return value


def ring() -> object:
    inner: dict[str, object] = {}
    inner["self"] = [inner]
    return {"parent": Box([inner])}


def endless_model() -> object:
    model = Endless()
    model.me = model
    return {"model": model}


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nan": (lambda: {"user": {"age": float("nan")}}, r"`\$\.user\.age` is NaN or infinite"),
    "infinity": (lambda: {"items": [0, 0, 0, float("-inf")]}, r"`\$\.items\[3\]` is NaN"),
    "nan in a dataclass": (lambda: Song("a", float("nan")), r"`\$\.seconds` is NaN"),
    "infinity in a model": (lambda: FloatModel(size=float("inf")), r"`\$\.size` is NaN"),
    "nul": (lambda: Song(f"{CANARY}\0"), r"`\$\.file` has text with a NUL"),
    "nul at the top": (lambda: f"{CANARY}\0", r"`\$` has text with a NUL"),
    "nul in a key": (lambda: {"a": {"b\0": CANARY}}, r"`\$\.a` has a key with a NUL"),
    "surrogate": (lambda: [f"{CANARY}\ud800"], r"`\$\[0\]` has text with half a surrogate"),
    "surrogate in a key": (lambda: {"\udfff": CANARY}, r"`\$` has a key with half a surrogate"),
    "odd path": (lambda: {"a b": {"é": float("nan")}}, r"`\$\[\"a b\"\]\[\"\\u00e9\"\]` is NaN"),
    "number as key": (lambda: {"ids": {7: CANARY}}, r"`\$\.ids` has a key of type int; .*str\(key"),
    "enum number as key": (lambda: {Level.HIGH: CANARY}, r"`\$` has a key of type int"),
    "tuple as key": (lambda: {(CANARY, 2): 1}, r"`\$` has a key of type tuple"),
    "null as key": (lambda: {None: CANARY}, r"`\$` has a key of type NoneType"),
    "object as key": (lambda: {"a": {object(): CANARY}}, r"of type object, which has no JSON form"),
    "too deep": (lambda: nested(MAX_DEPTH + 1), r"`\$(\[0\])+…(\[0\])+` is nested deeper than 200"),
    "far too deep": (lambda: nested(50_000), r"is nested deeper than 200 levels"),
    "too long an int": (lambda: {"n": [10**4300]}, r"`\$\.n\[0\]` is an integer longer"),
    "too long below zero": (lambda: -(10**4299), r"`\$` is an integer longer than 4300"),
    "object": (lambda: {"a": [CANARY, object()]}, r"`\$\.a\[1\]` is of type object, which has no"),
    "object in a dataclass": (lambda: Box({object()}), r"`\$\.content\[0\]` is of type object"),
    "object in a struct": (lambda: Crate(object()), r"`\$\.content` is of type object"),
    "raw json": (lambda: msgspec.Raw(b"[NaN]"), r"`\$` is of type Raw"),
    "cycle": (ring, r"`\$\.parent\.content\[0\]\.self\[0\]` contains itself"),
    "cycle of models": (endless_model, r"`\$\.model` is of type Endless"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_stored_is_refused_naming_its_path_and_never_its_value(
    make: Callable[[], object], message: str
) -> None:
    """B11: NaN, NUL, lone surrogates and non-text keys raise at push, before any SQL."""
    with pytest.raises(PayloadError, match=rf"^queue 'audio': the payload's .*{message}") as caught:
        sealed(make())
    assert CANARY not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert caught.value.__cause__ is None


def test_the_deepest_payload_that_can_be_pushed_can_be_read() -> None:
    assert Codec[Any](Any).decode(sealed(nested(MAX_DEPTH))) == nested(MAX_DEPTH)


def test_a_payload_over_the_limit_names_its_size_the_limit_and_the_setting() -> None:
    """A14: too large a payload never reaches the database."""
    with pytest.raises(PayloadError, match=r"is 102 bytes and the limit is 101;.*_MAX_BYTES"):
        encode("x" * 100, max_bytes=101, where="audio")
    assert len(encode("x" * 100, max_bytes=102, where="audio")) == 102


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"v": 1, "payload": None}, True),
        ({"v": 2.0, "payload": {}, "traceparent": "00-", "tracestate": "", "baggage": ""}, True),
        ({"v": True, "payload": 1}, False),
        ({"v": "1", "payload": 1}, False),
        ({"v": 1}, False),
        ({"payload": 1}, False),
        ({"v": 1, "payload": 1, "mine": 1}, False),
        (["v", "payload"], False),
        (None, False),
    ],
    ids=str,
)
def test_an_envelope_is_recognised_by_its_shape(value: object, answer: bool) -> None:
    """B09: what is sealed already must not be sealed again."""
    assert is_sealed_shape(value) is answer
