"""What reaches a terminal: nothing that steers it, and at most 100 columns of it."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import Any

WIDTH = 100
_GAP = 2
_LEAST = 8
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str) -> str:
    """Escape control, escape-sequence and text-direction characters, line ends included."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _STEERING else c for c in text)


def visible_lines(text: str) -> str:
    """Escape the same, but keep the line ends."""
    return "\n".join(map(visible, text.splitlines()))


def moment(at: datetime | None) -> str:
    """Write a time in UTC, to the second."""
    return "-" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def print_json(row: Mapping[str, Any]) -> None:
    """Print one object as one line."""
    print(json.dumps(row, default=datetime.isoformat))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, elastic: Sequence[str]
) -> None:
    """Print rows as a table, or as plain aligned columns when nobody watches.

    The elastic columns are cut where it would be too wide otherwise.
    """
    cells = [["-" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    if sys.stdout.isatty():
        room = min(get_terminal_size().columns, WIDTH)
        _print_rich(headings, cells, _fitted(headings, widths, elastic, room))
    else:
        _print_plain([headings, *cells], _fitted(headings, widths, elastic, WIDTH))


def _fitted(
    headings: Sequence[str], widths: Sequence[int], elastic: Sequence[str], room: int
) -> list[int]:
    fitted = dict(zip(headings, widths, strict=True))
    while sum(fitted.values()) + _GAP * (len(fitted) - 1) > room:
        widest = max(elastic, key=fitted.__getitem__)
        if fitted[widest] <= _LEAST:
            break
        fitted[widest] -= 1
    return list(fitted.values())


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _print_rich(
    headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, width=width, no_wrap=True, overflow="ellipsis")
    for row in rows:
        # Text, not str: rich would take [brackets] for its markup.
        table.add_row(*map(Text, row))
    # Where it does not fit after all, lines that wrap are better than ids that are cut.
    least = sum(widths) + _GAP * len(widths)
    Console(highlight=False, width=max(least, get_terminal_size().columns)).print(table)


def _print_plain(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    for row in rows:
        fitted = [_cut(cell, width) for cell, width in zip(row, widths, strict=True)]
        print((" " * _GAP).join(fitted).rstrip())


def _cut(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"
