"""The versioned JSON document that crosses processes, opened: the dispatcher's edge."""

from __future__ import annotations

from typing import Any

import msgspec

from pgqueue.errors import Rejected
from pgqueue.sealing import CONTEXT, WIRE_FORMAT_VERSION, seal
from pgqueue.tracecontext import Carrier

__all__ = ["WIRE_FORMAT_VERSION", "Carrier", "Envelope", "seal", "unseal"]


class Envelope(msgspec.Struct, frozen=True):
    """A payload as JSON text, and the context that travels beside it."""

    payload: bytes
    carrier: Carrier = {}


class _Wire(msgspec.Struct):
    """What a reader looks at; other keys are somebody's, and stay where they are."""

    v: Any
    payload: msgspec.Raw
    traceparent: Any = None
    tracestate: Any = None
    baggage: Any = None


_decoder = msgspec.json.Decoder(_Wire)


def unseal(document: str | bytes) -> Envelope:
    """Open a stored envelope: the dispatcher's edge. Anything unreadable is `Rejected`."""
    try:
        wire = _decoder.decode(document)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Rejected(
            f"not an envelope ({error}); push with pgqueue.push(), which seals the payload"
        ) from None
    _check_version(wire.v)
    if wire.traceparent is None and wire.tracestate is None and wire.baggage is None:
        return Envelope(bytes(wire.payload))
    carrier = {
        key: value
        for key, pattern in CONTEXT.items()
        if isinstance(value := getattr(wire, key), str) and pattern.fullmatch(value)
    }
    return Envelope(bytes(wire.payload), carrier)


def _check_version(version: Any) -> None:
    """Accept exactly the versions this reader knows; 1.0 is what some JSON writers make of 1."""
    if version == WIRE_FORMAT_VERSION and not isinstance(version, bool):
        return
    # A document that is no envelope is somebody's data: the error says its type, never its text.
    if not isinstance(version, int | float) or isinstance(version, bool):
        raise Rejected(
            f"not an envelope: v is of type {type(version).__name__}, and must be the number "
            f"{WIRE_FORMAT_VERSION}; push with pgqueue.push(), which seals the payload"
        )
    if version != int(version) or version < 0:
        raise Rejected(f"not an envelope: v is {version!r:.40}, and must be {WIRE_FORMAT_VERSION}")
    if version > WIRE_FORMAT_VERSION:
        advice = "the producer is newer: roll it back, or upgrade this worker and redrive"
    else:
        advice = "the producer is older: drain its jobs with its own version, or upgrade it"
    raise Rejected(
        f"envelope version {version!r:.40} is unsupported, this worker reads "
        f"{WIRE_FORMAT_VERSION}; {advice}"
    )
