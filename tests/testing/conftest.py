"""What the tests of the testing kit share."""

from __future__ import annotations

import pytest

from pgqueue import Processors


@pytest.fixture
def processors() -> Processors:
    """An empty set of processors."""
    return Processors()
