"""The public API is this list: a name that comes or goes is a decision, and stands here."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pgqueue

PUBLIC = """
    WIRE_FORMAT_VERSION Abort AttemptEnded AttemptStarted BackendError Backoff Config
    ConfigError DeadLetter Discard Health Ids Job JobContext JobProducer LeaseLost Memory
    Middleware PayloadError PgqueueError Postgres Processors Pushed Queue Redrive
    RegistrationError Rejected RetryAfter SchemaError Snooze Sync Topic Unavailable Unique
    UnsupportedOption Worker WorkerChanged current_job driver exponential fixed listed
""".split()  # noqa: SIM905


def test_the_public_names_are_these() -> None:
    assert pgqueue.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(importlib.import_module("pgqueue"), name) is not None


def test_type_checkers_see_each_name_where_it_is_loaded_from() -> None:
    tree = ast.parse(Path(pgqueue.__file__).read_text())
    (shown,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        name.name: node.module
        for node in shown.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert seen == pgqueue._HOME


def test_everything_public_is_seen_in_the_listing() -> None:
    assert set(PUBLIC) <= set(dir(pgqueue))


def test_the_star_gives_the_public_names_and_no_other() -> None:
    found: dict[str, object] = {}
    exec("from pgqueue import *", found)
    assert set(found) - {"__builtins__"} == set(PUBLIC)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pgqueue' has no attribute 'Task'"):
        _ = pgqueue.Task


def test_listing_the_names_loads_neither_psycopg_nor_the_worker() -> None:
    """A29: a producer stays lean, also under an editor that asks for the names."""
    code = "import pgqueue, sys; dir(pgqueue); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "pgqueue" in loaded
    assert not {"psycopg", "pgqueue.worker", "pgqueue.drivers"} & set(loaded)
