"""The pytest plugin: a fresh queue for each test that asks for `pgq`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# Nothing of the queue is imported before a test asks for it: every run of an environment that has
# this package loads this module.


@pytest.fixture(scope="session")
def pgqueue_dsn() -> Iterator[str]:
    """The server to test on: PGQUEUE_TEST_DSN, else one that is started for this run.

    Override it to name your own. Its user has to be allowed to create databases; no database that
    is there already is touched.
    """
    if given := os.environ.get("PGQUEUE_TEST_DSN"):
        yield given
        return
    from pgqueue.devserver import DevServer

    with DevServer.throwaway() as server:
        yield server.dsn


@pytest.fixture(scope="session")
def pgqueue_prepare() -> Callable[[str], None]:
    """Override it to return what makes your own tables in a database, given its DSN."""
    return lambda dsn: None


@pytest.fixture(scope="session")
def pgqueue_scratch(pgqueue_dsn: str, pgqueue_prepare: Callable[[str], None]) -> Iterator[Any]:
    """Makes the databases of the tests; the template is migrated once."""
    from pgqueue_migrations import upgrade

    from pgqueue.config import Config
    from pgqueue.drivers.postgres.scratch import Scratch

    def prepare(dsn: str) -> None:
        upgrade(dsn, schema=Config.load(dsn=dsn).schema)
        pgqueue_prepare(dsn)

    scratch = Scratch(pgqueue_dsn, prepare)
    yield scratch
    scratch.close()


@pytest.fixture
def pgq(pgqueue_scratch: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A queue in a fresh, migrated database, which PGQUEUE_DSN names meanwhile."""
    from pgqueue.testing.kit import Kit

    with pgqueue_scratch.database() as dsn:
        monkeypatch.setenv("PGQUEUE_DSN", dsn)
        kit = Kit(dsn)
        yield kit
        kit.close()
