"""The failures that are kept with a job."""

from __future__ import annotations

from typing import Any

import msgspec

from pgqueue.outcome import Failure


def kept_failures(document: str) -> tuple[Failure, ...]:
    """Read them, whatever an operator may have written there: nobody else's job suffers from it."""
    try:
        return tuple(map(_failure, msgspec.json.decode(document)))
    except (msgspec.DecodeError, RecursionError, AttributeError) as error:
        return (Failure(f"pgqueue: the failures that are kept cannot be read: {error}"),)


def _failure(kept: dict[str, Any]) -> Failure:
    return Failure(
        error=str(kept.get("error") or ""),
        traceback=str(kept.get("traceback") or ""),
        attempt=kept.get("attempt"),
        at=kept.get("at"),
        worker=kept.get("worker"),
    )
