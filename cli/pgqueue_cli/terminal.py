"""What reaches a terminal: nothing that steers it, and at most 100 columns of it."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

WIDTH = 100
_GAP = 2
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


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as a table, or as plain aligned columns when nobody watches."""
    cells = [["-" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(headings, cells)
    else:
        _print_plain([list(headings), *cells])


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _print_rich(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.width = min(console.width, WIDTH)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for row in rows:
        # Text, not str: rich would take [brackets] for its markup.
        table.add_row(*map(Text, row))
    console.print(table)


def _print_plain(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) + _GAP * (len(widths) - 1) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    for row in rows:
        fitted = [_cut(cell, width) for cell, width in zip(row, widths, strict=True)]
        print((" " * _GAP).join(fitted).rstrip())


def _cut(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"
