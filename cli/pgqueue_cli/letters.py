"""Dead letters as rows, as objects and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from pgqueue.letters import DeadJob, DeadSummary
from pgqueue.outcome import Failure
from pgqueue_cli.terminal import moment, visible, visible_lines

HEADINGS: Final = ("id", "queue", "name", "reason", "attempts", "died_at", "error")


def line(letter: DeadSummary) -> list[object]:
    """Return the cells of a dead letter's line in the table."""
    return [{**summary(letter), "died_at": moment(letter.died_at)}[name] for name in HEADINGS]


def summary(letter: DeadSummary) -> dict[str, Any]:
    """Return what a list tells of a dead letter; its payload is not part of it."""
    return {
        "id": letter.id,
        "queue": letter.queue,
        "name": letter.name,
        "reason": letter.reason,
        "attempts": letter.attempt,
        "redrives": letter.redrives,
        "pushed_at": letter.pushed_at,
        "died_at": letter.died_at,
        "handled_at": letter.handled_at,
        "parked_at": letter.parked_at,
        "error": None if letter.error is None else next(iter(letter.error.splitlines()), ""),
    }


def full(letter: DeadJob, *, with_payload: bool) -> dict[str, Any]:
    """Return a dead letter in full; without the payload unless it was asked for."""
    shown = summary(letter.summary) | {
        "max_attempts": letter.max_attempts,
        "failures": [asdict(failure) for failure in letter.failures],
    }
    del shown["error"]
    return shown | ({"payload": _payload(letter.envelope)} if with_payload else {})


def described(letter: DeadJob, *, with_payload: bool) -> Iterator[str]:
    """Yield the lines that show a dead letter on a terminal."""
    shown = full(letter, with_payload=with_payload)
    payload = shown.pop("payload", None)
    del shown["failures"]
    for name, value in shown.items():
        text = moment(value) if isinstance(value, datetime) else "-" if value is None else value
        yield f"{name:<13} {visible(str(text))}"
    for failure in letter.failures:
        yield from _failed(failure)
    if with_payload:
        yield "\u2500 payload"
        yield from _indented(visible_lines(json.dumps(payload, indent=2, ensure_ascii=False)))


def _payload(envelope: str) -> Any:
    """Return the payload, or the whole text where Python cannot read it."""
    try:
        return json.loads(envelope)["payload"]
    except (ValueError, RecursionError):
        return envelope


def _failed(failure: Failure) -> Iterator[str]:
    yield visible(f"\u2500 attempt {failure.attempt} at {failure.at} by {failure.worker}")
    for text in (failure.error, failure.traceback):
        yield from _indented(visible_lines(text))


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
