"""Rows in COPY's binary format, of which all but two columns are the same in every row.

psycopg's own `write_row` took most of a bulk push's time: it asks for each value's type anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any, Final

from psycopg.adapt import PyFormat, Transformer

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_LENGTH: Final = Struct("!i")
# How many columns, then an id of eight bytes.
_START: Final = Struct("!hiq")
# A jsonb value is its length, its version and its text.
_JSONB: Final = Struct("!ib")
# So many rows are handed to libpq at once.
_BLOCK: Final = 500


def rows(
    ids: Sequence[int], before: Sequence[Any], envelopes: Sequence[bytes], after: Sequence[Any]
) -> Iterator[bytes]:
    """Yield a COPY of rows: an id, values that all share, the envelope, more shared values."""
    columns = 2 + len(before) + len(after)
    head, tail = b"".join(map(_value, before)), b"".join(map(_value, after))
    start, jsonb = _START.pack, _JSONB.pack
    yield _SIGNATURE
    for first in range(0, len(ids), _BLOCK):
        end = first + _BLOCK
        yield b"".join(
            [
                start(columns, 8, number) + head + jsonb(len(text) + 1, 1) + text + tail
                for number, text in zip(ids[first:end], envelopes[first:end], strict=True)
            ]
        )
    yield _TRAILER


def _value(value: Any) -> bytes:
    """Return a shared value as psycopg would send it, after its length."""
    if value is None:
        return _NULL
    dumped = bytes(Transformer().get_dumper(value, PyFormat.BINARY).dump(value) or b"")
    return _LENGTH.pack(len(dumped)) + dumped
