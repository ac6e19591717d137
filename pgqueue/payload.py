"""A payload's two crossings: from the producer's value to JSON, from JSON to the handler's type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from sys import float_info
from types import NoneType
from typing import Annotated, Any, Final, Generic, NoReturn, TypeVar

import msgspec

from pgqueue.errors import ConfigError, Rejected
from pgqueue.plain import MAX_DEPTH, TOO_DEEP, Flaw, Json, check_size, inspect, path

T = TypeVar("T")

_LOCATION: Final = re.compile(r" - at (?:`key` in )?`\$[^`]*`$")
_QUOTES_INPUT: Final = re.compile(r"(Invalid enum value|Invalid value) .*", re.DOTALL)
_ENCODER: Final = msgspec.json.Encoder()
# So many values are encoded at once: a few are enough to share what a call costs.
_BLOCK: Final = 50
# What holds JSON values more often than not, and needs no conversion then.
_CONTAINERS: Final = (dict, list)
_NUL: Final = b"\\u0000"

# JSON that every storage gives back unchanged, to a depth that few payloads exceed.
_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Finite = Annotated[float, msgspec.Meta(ge=-float_info.max, le=float_info.max)]
_Leaf = bool | _Whole | _Finite | str | None
_Json1 = _Leaf | list[_Leaf] | dict[str, _Leaf]
_Json2 = _Leaf | list[_Json1] | dict[str, _Json1]
_Json3 = _Leaf | list[_Json2] | dict[str, _Json2]
_Json4 = _Leaf | list[_Json3] | dict[str, _Json3]


class _Sound(msgspec.Struct, array_like=True):
    """A value that needs no look but for NUL: of a Struct alone msgspec remembers its checks."""

    value: _Json4


class _Sounds(msgspec.Struct, array_like=True):
    """Many of them."""

    value: list[_Json4]


def plain(value: object, *, where: str) -> Json:
    """Turn a payload into a JSON value that PostgreSQL stores unchanged.

    What it would not is a PayloadError naming the path and never the value; `where` is the
    queue's name.
    """
    try:
        found = _to_builtins(value)
        inspect(found)
    except Flaw as flaw:
        raise flaw.refusal(where) from None
    return found


def encode(value: object, *, max_bytes: int, where: str) -> bytes:
    """Return a payload as JSON text, ready to be sealed; PayloadError as for `plain`."""
    data = _sound(value) if isinstance(value, _CONTAINERS) else b""
    try:
        data = data or _text(_to_builtins(value))
    except Flaw as flaw:
        raise flaw.refusal(where) from None
    check_size(data, max_bytes, where)
    return data


def encode_many(values: Sequence[object], *, max_bytes: int, where: str) -> list[bytes]:
    """Return payloads as JSON text, many in one go; one that is refused is named as by `encode`."""
    texts: list[bytes] = []
    for first in range(0, len(values), _BLOCK):
        block = values[first : first + _BLOCK]
        lines = _lines(block)
        if len(lines) != len(block) or max(map(len, lines)) > max_bytes:
            lines = [encode(one, max_bytes=max_bytes, where=where) for one in block]
        texts += lines
    return texts


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


def _text(found: Json) -> bytes:
    """Encode a JSON value, and walk through it, ten times slower, only if it may be unsound."""
    data = _sound(found)
    if not data:
        inspect(found)
        data = _ENCODER.encode(found)
    return data


def _lines(values: Sequence[object]) -> list[bytes]:
    """Encode values that are all sound; return nothing if one may be not."""
    many = _Sounds, _ENCODER.encode_lines
    data = _sound(values, *many) if isinstance(values[0], _CONTAINERS) else b""
    try:
        data = data or _sound(msgspec.to_builtins(values), *many)
    except Exception:
        return []
    return data.splitlines()


def _sound(
    found: Any, kind: type[msgspec.Struct] = _Sound, write: Callable[[Any], bytes] = _ENCODER.encode
) -> bytes:
    """Encode JSON values; return nothing if one may be unsound, or is none."""
    try:
        msgspec.convert((found,), kind)
        data = write(found)
    except Exception:
        return b""
    return b"" if _NUL in data else data


def _to_builtins(value: object) -> Any:
    # Few payloads need the hook, and naming it costs more than the conversion.
    try:
        return msgspec.to_builtins(value)
    except Exception:
        hook = _simplify
    try:
        return msgspec.to_builtins(value, enc_hook=hook)
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


def _blame(value: Any) -> Flaw:
    """Find the part that cannot be encoded: follow the children that fail by themselves."""
    steps: list[str | int] = []
    ancestors: set[int] = set()
    while id(value) not in ancestors:
        if len(steps) > MAX_DEPTH:
            return Flaw(TOO_DEEP, steps)
        ancestors.add(id(value))
        for step, child in _children(value):
            if not _encodable(child):
                steps.append(step)
                value = child
                break
        else:
            return Flaw(
                f"is of type {_name(type(value))}, which has no JSON form; push a dataclass, a "
                "Struct, a pydantic model, a dict, a list, text, a number or a date",
                steps,
            )
    return Flaw("contains itself; push a tree, or refer to the part by an id", steps)


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
    told = [f"{path(each['loc'])} {each['type'].replace('_', ' ')}" for each in found[:5]]
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
