"""Folders that the embedded server's user can reach; pytest's own are closed to it under root."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_to_all() -> Iterator[Path]:
    """A folder that everybody may enter, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pgqueue-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
