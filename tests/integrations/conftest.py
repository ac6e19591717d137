"""Django, on the test's database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.drivers.connections import django_default


@pytest.fixture
def connection(dsn: str) -> Iterator[Any]:
    """Django's default connection."""
    with django_default(dsn) as connection:
        yield connection
