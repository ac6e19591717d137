"""Frameworks that need a newer Python, and an older SQLAlchemy, in an environment of their own."""

from __future__ import annotations

import re

import pytest

from tests.integrations.newer import environment

SUITES = (
    "tests/drivers/test_connections.py",
    "tests/integrations/test_django_tasks.py",
    "tests/integrations/test_django_surroundings.py",
    "tests/integrations/django_suite.py",
)


# The first run downloads what the later ones find.
@pytest.mark.timeout(900)
def test_django_6_1_and_sqlalchemy_2_0_are_pushed_with_too(server_dsn: str) -> None:
    """K02, A15: our tests of both, and Django's own tests of its tasks on our backend."""
    newer = environment()
    printed = newer.pytest("-k", "django or sqlalchemy", *SUITES, dsn=server_dsn)
    found = re.search(r"(\d+) passed", printed)
    assert found is not None
    assert int(found[1]) > 150
    assert "skipped" not in printed
