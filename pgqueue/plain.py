"""JSON values: what of them a payload may have, so that every storage gives it back unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Final

from pgqueue.errors import PayloadError

Json = Any
"""None, True, False, a number, text, a list of these, or a dict from text to these."""

MAX_DEPTH: Final = 200
MAX_INT_LENGTH: Final = 4300

TOO_DEEP: Final = f"is nested deeper than {MAX_DEPTH} levels; flatten it"
# The sign counts: decoders measure an integer's text.
_MOST: Final = 10**MAX_INT_LENGTH - 1
_LEAST: Final = -(10 ** (MAX_INT_LENGTH - 1)) + 1
_ENVELOPE_KEYS: Final = frozenset({"v", "payload", "traceparent", "tracestate", "baggage"})
# A dict is told by its class, any other by what it can do, which takes longer.
_MAPPINGS: Final = (dict, Mapping)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


class Flaw(Exception):
    """What is wrong with one part of a payload; the path is gathered as it is unwound."""

    def __init__(self, problem: str, steps: Iterable[str | int] = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps = list(steps)

    def refusal(self, where: str) -> PayloadError:
        """Return the error for the producer; it names the queue and the path, never the value."""
        return PayloadError(f"queue {where!r}: the payload's {path(self.steps)} {self.problem}")


def is_sealed_shape(value: object) -> bool:
    """Tell whether a value looks like an envelope, which must not be wrapped again."""
    if not isinstance(value, _MAPPINGS) or "payload" not in value:
        return False
    version = value.get("v")
    number = isinstance(version, int | float) and not isinstance(version, bool)
    return number and value.keys() <= _ENVELOPE_KEYS


def inspect(node: Any, depth: int = MAX_DEPTH) -> None:
    """Raise a Flaw for what JSON, or PostgreSQL's jsonb, would refuse or silently change."""
    kind = type(node)
    if kind is str:
        if not node.isascii() or "\0" in node:
            _inspect_text(node, "text")
    elif kind is dict:
        for key in node:
            if type(key) is not str:
                raise Flaw(
                    f"has a key of type {type(key).__name__}; JSON keys are text: write str(key)"
                )
            if not key.isascii() or "\0" in key:
                _inspect_text(key, "a key")
        _inspect_parts(node.items(), depth)
    elif kind is list or kind is tuple:
        _inspect_parts(enumerate(node), depth)
    elif kind is int:
        if not _LEAST <= node <= _MOST:
            raise Flaw(f"is an integer longer than {MAX_INT_LENGTH} characters; push it as text")
    elif kind is float:
        if not isfinite(node):
            raise Flaw("is NaN or infinite, which JSON does not have; push null or text")
    elif node is not None and kind is not bool:
        raise Flaw(f"is of type {kind.__name__}, which JSON does not have; push() would convert it")


def check_size(data: bytes, max_bytes: int, where: str) -> None:
    """Refuse a payload, given as JSON text, that is too large."""
    if len(data) > max_bytes:
        raise PayloadError(
            f"queue {where!r}: the payload is {len(data)} bytes and the limit is {max_bytes}; "
            "store the data elsewhere and push a reference, or raise PGQUEUE_PAYLOAD_MAX_BYTES"
        )


def path(steps: Iterable[str | int]) -> str:
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


def _inspect_parts(parts: Iterable[tuple[Any, Any]], depth: int) -> None:
    if not depth:
        raise Flaw(TOO_DEEP)
    for step, part in parts:
        try:
            inspect(part, depth - 1)
        except Flaw as flaw:
            flaw.steps.insert(0, step)
            raise


def _inspect_text(text: str, what: str) -> None:
    if "\0" in text:
        raise Flaw(f"has {what} with a NUL character, which jsonb cannot store; remove it")
    if _SURROGATE.search(text):
        raise Flaw(f"has {what} with half a surrogate pair, which is not Unicode; repair it")
