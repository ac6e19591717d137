"""The driver is chosen by one line or one variable, also somebody else's."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

import pgqueue
from pgqueue import Config, ConfigError, Memory, Postgres, Queue, Sync, drivers


class Pigeons:
    """A third party's driver."""

    def __init__(self, **settings: Any) -> None:
        self.config = Config.load(**settings)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a third party's driver, and one that is broken."""
    found = [
        EntryPoint("pigeons", f"{__name__}:Pigeons", drivers.GROUP),
        EntryPoint("broken", "no_such_module_here:Driver", drivers.GROUP),
        EntryPoint("memory", f"{__name__}:Pigeons", drivers.GROUP),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)
    for name in ("DRIVER", "DSN", "CONNECTIONS", "SCHEMA", "QUEUE"):
        monkeypatch.delenv(f"PGQUEUE_{name}", raising=False)


@pytest.mark.parametrize(
    ("name", "kind"), [("postgres", Postgres), ("memory", Memory), ("sync", Sync)]
)
def test_a_variable_chooses_the_driver(
    name: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C05, C22: and nothing in the code names it."""
    monkeypatch.setenv("PGQUEUE_DRIVER", name)
    chosen: list[Any] = [pgqueue.driver(), pgqueue.driver(env=False, driver=name)]
    assert [type(one) for one in chosen] == [kind, kind]
    chosen = [pgqueue.driver(env=False)]
    assert type(chosen[0]) is Postgres


def test_a_driver_that_somebody_else_wrote_is_found_by_its_entry_point() -> None:
    """D06: it gets the settings like ours."""
    pg = pgqueue.driver(driver="pigeons", schema="coop")
    assert type(pg).__name__ == "Pigeons"
    assert (pg.config.driver, pg.config.schema) == ("pigeons", "coop")


def test_an_unknown_driver_is_refused_with_the_known_ones() -> None:
    """D06: at the start, not at the first push."""
    with pytest.raises(ConfigError, match="no driver redis; there are postgres, memory, sync, pig"):
        pgqueue.driver(driver="redis")


def test_a_driver_that_cannot_be_loaded_says_why() -> None:
    with pytest.raises(ConfigError, match=r"broken is no_such_module_here:Driver.*No module named"):
        pgqueue.driver(driver="broken")


def test_a_connection_is_chosen_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """C05: with its own driver, database and schema."""
    connections = '{"a": {"dsn": "host=a", "schema": "a"}, "b": {"driver": "memory"}}'
    monkeypatch.setenv("PGQUEUE_CONNECTIONS", connections)
    monkeypatch.setenv("PGQUEUE_DSN", "host=main")
    a: Any = pgqueue.driver("a")
    b: Any = pgqueue.driver("b", default_queue="mail")
    assert (type(a), a.config.dsn, a.config.schema) == (Postgres, "host=a", "a")
    assert (type(b), b.config.dsn, b.queue.name) == (Memory, None, "mail")
    assert pgqueue.driver().config.dsn == "host=main"
    assert Postgres(connection="a").config == a.config
    with pytest.raises(ConfigError, match=r"no connection 'c'.* a, b"):
        pgqueue.driver("c")


@pytest.mark.parametrize("name", ["memory", "sync"])
def test_choosing_a_driver_loads_no_other(name: str) -> None:
    """A29: who never asks for Postgres needs no psycopg."""
    code = f"import pgqueue, sys; pgqueue.driver(driver={name!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert f"pgqueue.drivers.{name}" in loaded
    assert not {"psycopg", "pgqueue.drivers.postgres"} & set(loaded)


def test_a_queue_is_on_the_connection_that_declares_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """E01: a root connection by URL or by keywords, and queues that override it."""
    declared = {
        "reports": {"dsn": "host=db port=5433 dbname=reports user=ada", "default_queue": "daily"},
        "local": {"driver": "memory", "queues": {"mails": {"attempts": 3}}},
    }
    monkeypatch.setenv("PGQUEUE_DSN", "postgresql://bob@db/main")
    monkeypatch.setenv("PGQUEUE_CONNECTIONS", json.dumps(declared))
    assert pgqueue.driver(Queue("orders")).config.endpoint() == "db:5432/main as bob"
    assert pgqueue.driver(Queue("daily")).config.endpoint() == "db:5433/reports as ada"
    mails = pgqueue.driver(Queue("mails", str))
    assert isinstance(mails, Memory)
    assert mails.config.queues["mails"].attempts == 3
