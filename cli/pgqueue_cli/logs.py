"""Logging, which the library leaves to the application: here, that is the command."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from pgqueue_cli.terminal import visible, visible_lines

Level = Literal["debug", "info", "warning", "error", "critical"]
Format = Literal["text", "json"]

_FIELDS = ("queue", "job_id", "attempt", "elapsed_ms", "outcome", "processor")
_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Text(logging.Formatter):
    """One line a record, whatever an error's text brings along."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return visible(super().formatMessage(record))

    def formatException(self, ei: _Raised) -> str:
        return visible_lines(super().formatException(ei))


class _Json(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        shown: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        shown |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps(shown, default=str)


def configure(level: Level, style: Format) -> None:
    """Send every record of that level or above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
