"""Sealing: the producer's edge, which wraps a payload into the document that crosses processes."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from typing import Any, Final

from pgqueue.config import Config
from pgqueue.errors import PayloadError
from pgqueue.plain import Flaw, Json, check_size, inspect, is_sealed_shape
from pgqueue.tracecontext import Carrier, active

logger = logging.getLogger("pgqueue.push")

WIRE_FORMAT_VERSION: Final = 1

_OPENING: Final = b'{"v":%d,"payload":' % WIRE_FORMAT_VERSION

CONTEXT: Final = {
    "traceparent": re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
    "tracestate": re.compile(r"[\x20-\x7e]{1,512}"),
    "baggage": re.compile(r"[\x20-\x7e]{1,8192}"),
}


def seal(payload: bytes, carrier: Carrier | None = None) -> bytes:
    """Wrap a payload, given as JSON text, for storage."""
    return _OPENING + payload + closing(carrier or {})


def closing(carrier: Carrier | None) -> bytes:
    """Return what follows a payload in its envelope: the trace context, by default the caller's."""
    if carrier is None:
        carrier = active()
    if not carrier:
        return b"}"
    context = b"".join(
        b",%s:%s" % (json.dumps(key).encode(), json.dumps(value).encode())
        for key, value in carrier.items()
        if _checked_context(key, value)
    )
    return context + b"}"


def seal_json(queue: str, payload: Json, config: Config, carrier: Carrier | None = None) -> str:
    """Return a JSON value in its envelope, as text; PayloadError if that cannot be.

    A queue that strict settings do not declare is ConfigError. Without a `carrier` it is the
    trace of the caller's span, if there is one.
    """
    config.refuse_undeclared(queue)
    refuse_sealed(queue, payload)
    try:
        inspect(payload)
    except Flaw as flaw:
        raise flaw.refusal(queue) from None
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    check_size(text, config.payload_max_bytes, queue)
    return wrap(queue, text, config, closing(carrier)).decode()


def wrap(queue: str, text: bytes, config: Config, closing: bytes) -> bytes:
    """Seal JSON text that was checked before, and warn if there is much of it."""
    if len(text) > config.payload_warn_bytes:
        logger.warning(
            "a payload for %s has %d bytes; keep payloads small and push a reference",
            queue,
            len(text),
        )
    return _OPENING + text + closing


def wrap_many(queue: str, texts: Sequence[bytes], config: Config, closing: bytes) -> list[bytes]:
    """Do the same with many."""
    if max(map(len, texts), default=0) > config.payload_warn_bytes:
        return [wrap(queue, text, config, closing) for text in texts]
    return [_OPENING + text + closing for text in texts]


def refuse_sealed(queue: str, payload: Any) -> None:
    """Raise PayloadError for what is an envelope already."""
    if is_sealed_shape(payload):
        raise PayloadError(f"the payload for {queue} is already sealed; push the payload itself")


def _checked_context(key: str, value: str) -> bool:
    pattern = CONTEXT.get(key)
    if pattern is None:
        raise PayloadError(f"carrier: unknown key {key!r:.40}; known: {', '.join(CONTEXT)}")
    # A malformed context costs the correlation, never the job.
    return isinstance(value, str) and pattern.fullmatch(value) is not None
