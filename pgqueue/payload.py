"""A payload's two crossings: from the producer's value to JSON, from JSON to the handler's type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType
from typing import Any, Final, Generic, NoReturn, TypeVar

import msgspec

from pgqueue.errors import ConfigError, PayloadError, Rejected

T = TypeVar("T")

MAX_DEPTH: Final = 200
MAX_INT_LENGTH: Final = 4300

_TOO_DEEP: Final = f"is nested deeper than {MAX_DEPTH} levels; flatten it"
# The sign counts: decoders measure an integer's text.
_MOST: Final = 10**MAX_INT_LENGTH - 1
_LEAST: Final = -(10 ** (MAX_INT_LENGTH - 1)) + 1
_ENVELOPE_KEYS: Final = frozenset({"v", "payload", "traceparent", "tracestate", "baggage"})
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_LOCATION: Final = re.compile(r" - at (?:`key` in )?`\$[^`]*`$")
_QUOTES_INPUT: Final = re.compile(r"(Invalid enum value|Invalid value) .*", re.DOTALL)


class _Flaw(Exception):
    """What is wrong with one part of a payload; the path is gathered as it is unwound."""

    def __init__(self, problem: str, steps: Iterable[str | int] = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps = list(steps)


def encode(value: object, *, max_bytes: int, where: str) -> bytes:
    """Return the payload as JSON that PostgreSQL stores unchanged, ready to be sealed.

    What it would not is a PayloadError naming the path and never the value; `where` is the
    queue's name.
    """
    try:
        plain = _to_builtins(value)
        _inspect(plain, MAX_DEPTH)
    except _Flaw as flaw:
        problem = f"{_path(flaw.steps)} {flaw.problem}"
        raise PayloadError(f"queue {where!r}: the payload's {problem}") from None
    data = msgspec.json.encode(plain)
    if len(data) > max_bytes:
        raise PayloadError(
            f"queue {where!r}: the payload is {len(data)} bytes and the limit is {max_bytes}; "
            "store the data elsewhere and push a reference, or raise PGQUEUE_PAYLOAD_MAX_BYTES"
        )
    return data


def is_sealed_shape(value: object) -> bool:
    """Tell whether a value looks like an envelope, which must not be wrapped again."""
    if not isinstance(value, Mapping) or "payload" not in value:
        return False
    version = value.get("v")
    number = isinstance(version, int | float) and not isinstance(version, bool)
    return number and value.keys() <= _ENVELOPE_KEYS


class Codec(Generic[T]):
    """Reads JSON into one type; the reader of each type is built once.

    Fields that the type does not know are ignored: the producer may be one deploy ahead.
    """

    def __init__(self, wanted: Any = Any) -> None:
        self.type = wanted
        self._decoder = _decoder(wanted)

    def decode(self, data: bytes | str) -> T:
        """Return the payload as the type; JSON that does not fit is Rejected, field by field."""
        try:
            value: T = self._decoder.decode(data)
        # The type's own checks may raise anything, and would again at every attempt.
        except Exception as error:
            reason = _reason(error)
        else:
            return value
        raise Rejected(f"the payload does not fit {_name(self.type)}: {reason}")


def _to_builtins(value: object) -> Any:
    try:
        return msgspec.to_builtins(value, enc_hook=_simplify)
    except Exception:
        flaw = _blame(value)
    raise flaw


def _simplify(value: Any) -> Any:
    """Turn what msgspec leaves to us into what it knows: models, and subclasses of scalars."""
    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise NotImplementedError


def _blame(value: Any) -> _Flaw:
    """Find the part that cannot be encoded: follow the children that fail by themselves."""
    steps: list[str | int] = []
    ancestors: set[int] = set()
    while id(value) not in ancestors:
        if len(steps) > MAX_DEPTH:
            return _Flaw(_TOO_DEEP, steps)
        ancestors.add(id(value))
        for step, child in _children(value):
            if not _encodable(child):
                steps.append(step)
                value = child
                break
        else:
            return _Flaw(
                f"is of type {_name(type(value))}, which has no JSON form; push a dataclass, a "
                "Struct, a pydantic model, a dict, a list, text, a number or a date",
                steps,
            )
    return _Flaw("contains itself; push a tree, or refer to the part by an id", steps)


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from ((f"<{_name(type(key))} key>", key) for key in value)
        yield from ((str(key), child) for key, child in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from enumerate(value)
    elif isinstance(value, msgspec.Struct):
        yield from ((name, getattr(value, name, None)) for name in value.__struct_fields__)
    elif is_dataclass(value):
        yield from ((field.name, getattr(value, field.name, None)) for field in fields(value))


def _encodable(value: object) -> bool:
    try:
        msgspec.to_builtins(value, enc_hook=_simplify)
    except Exception:
        return False
    return True


def _inspect(node: Any, depth: int) -> None:
    """Raise a _Flaw for what JSON, or PostgreSQL's jsonb, would refuse or silently change."""
    kind = type(node)
    if kind is str:
        if "\0" in node or not node.isascii():
            _inspect_text(node, "text")
    elif kind is dict:
        for key in node:
            if type(key) is not str:
                raise _Flaw(
                    f"has a key of type {_name(type(key))}; JSON keys are text: write str(key)"
                )
            if "\0" in key or not key.isascii():
                _inspect_text(key, "a key")
        _inspect_parts(node.items(), depth)
    elif kind is list or kind is tuple:
        _inspect_parts(enumerate(node), depth)
    elif kind is int:
        if not _LEAST <= node <= _MOST:
            raise _Flaw(f"is an integer longer than {MAX_INT_LENGTH} characters; push it as text")
    elif kind is float and not isfinite(node):
        raise _Flaw("is NaN or infinite, which JSON does not have; push null or text")


def _inspect_parts(parts: Iterable[tuple[Any, Any]], depth: int) -> None:
    if not depth:
        raise _Flaw(_TOO_DEEP)
    part: tuple[Any, Any] = (0, None)
    try:
        for part in parts:
            _inspect(part[1], depth - 1)
    except _Flaw as flaw:
        flaw.steps.insert(0, part[0])
        raise


def _inspect_text(text: str, what: str) -> None:
    if "\0" in text:
        raise _Flaw(f"has {what} with a NUL character, which jsonb cannot store; remove it")
    if _SURROGATE.search(text):
        raise _Flaw(f"has {what} with half a surrogate pair, which is not Unicode; repair it")


def _path(steps: Iterable[str | int]) -> str:
    """Write the way to a part as `$.items[3].name`, the middle of a long one left out."""
    written = [
        f"[{step}]"
        if isinstance(step, int)
        else f".{step}"
        if _PLAIN_KEY.fullmatch(step)
        else f"[{json.dumps(step[:40])}]"
        for step in steps
    ]
    if len(written) > 12:
        written[6:-4] = ["…"]
    return f"`${''.join(written)}`"


class _Mismatch(ValueError):
    """A part that its class refused, in words that carry nothing of the input."""


@cache
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    untyped = wanted in (None, NoneType, object)
    try:
        return msgspec.json.Decoder(Any if untyped else wanted, dec_hook=_build)
    except TypeError as error:
        raise ConfigError(
            f"payload type {_name(wanted)} cannot be read from JSON: {error}; use a dataclass, "
            "Struct, TypedDict, pydantic model, or a list or dict of them"
        ) from None


def _build(wanted: Any, value: Any) -> Any:
    """Build what msgspec leaves to us: a pydantic model, which need not be installed."""
    if not hasattr(wanted, "model_validate_json"):
        raise _Mismatch(f"`{_name(wanted)}` is no dataclass, Struct, TypedDict or pydantic model")
    try:
        # From JSON, so that a strict model still reads its dates and ids from text.
        return wanted.model_validate_json(msgspec.json.encode(value))
    except Exception as error:
        _refuse(wanted, error)


def _refuse(wanted: Any, error: Exception) -> NoReturn:
    errors = getattr(error, "errors", None)
    if not callable(errors):
        raise _Mismatch(f"`{_name(wanted)}` raised {_name(type(error))}") from None
    # pydantic's messages quote the input; its error types do not.
    found: Any = errors(include_url=False, include_context=False, include_input=False)
    told = [f"{_path(each['loc'])} {each['type'].replace('_', ' ')}" for each in found[:5]]
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    raise _Mismatch(f"in `{_name(wanted)}`: {', '.join(told)}{more}") from None


def _reason(error: Exception) -> str:
    """Say why JSON did not fit, without the parts of a message that quote the input."""
    if isinstance(error, RecursionError):
        return "it is nested too deep to be read"
    if isinstance(error, UnicodeError):
        return "it is not valid Unicode"
    if not isinstance(error, msgspec.DecodeError):
        return f"its class raised {_name(type(error))}"
    text = str(error)
    match = _LOCATION.search(text)
    location = match[0] if match else ""
    text = text.removesuffix(location)
    if len(location) > 200:
        location = f"{location[:100]}…{location[-60:]}"
    if error.__cause__ is not None and not isinstance(error.__cause__, _Mismatch):
        return f"its class raised {_name(type(error.__cause__))}{location}"
    return _QUOTES_INPUT.sub(r"\1", text) + location


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)
