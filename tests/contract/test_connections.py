"""Named connections: declared once, chosen by name, and silent about their passwords."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from pgqueue.config import Config
from pgqueue.errors import ConfigError

CANARY = "canary-5b2e"
DECLARED: dict[str, dict[str, Any]] = {
    "reports": {"dsn": "postgres://db/reports", "schema": "reports", "default_queue": "daily"},
    "local": {"driver": "memory", "lease": "5m"},
    "lost": {"schema": "lost"},
}
ENV = {
    "PGQUEUE_CONNECTIONS": json.dumps(DECLARED),
    "PGQUEUE_DSN": "postgres://db/main",
    "PGQUEUE_SCHEMA": "main",
    "PGQUEUE_LEASE": "2m",
}


def test_a_connection_says_what_is_different_and_the_environment_the_rest() -> None:
    """C05: its own URL, schema and default queue."""
    config = Config.load(connection="reports", env=ENV)
    assert config.dsn == "postgresql://db/reports"
    assert (config.schema, config.default_queue) == ("reports", "daily")
    assert config.lease == timedelta(minutes=2)
    default = Config.load(env=ENV)
    assert (default.dsn, default.schema) == ("postgresql://db/main", "main")
    assert (default.default_queue, default.driver) == ("default", "postgres")


def test_a_keyword_counts_before_the_connection_and_that_before_the_environment() -> None:
    """F8: for named connections as well."""
    config = Config.load(connection="local", env=ENV, lease="3m")
    assert config.lease == timedelta(minutes=3)
    assert Config.load(connection="local", env=ENV).lease == timedelta(minutes=5)
    assert Config.load(connection="local", env=ENV, driver="sync").driver == "sync"


def test_connections_may_be_given_by_keyword_or_in_a_dotenv_file() -> None:
    here = {"here": {"dsn": "host=a"}}
    assert Config.load(connection="here", connections=here, env=ENV).dsn == "host=a"
    dotenv = {"PGQUEUE_CONNECTIONS": json.dumps(here)}
    assert Config.load(connection="here", env={}, dotenv=dotenv).dsn == "host=a"
    with pytest.raises(ConfigError, match="has here"):
        Config.load(connection="reports", connections=here, env=ENV)


@pytest.mark.parametrize("env", [ENV, ENV | {"DATABASE_URL": "host=a"}, ENV | {"PGHOST": "a"}])
def test_the_default_connections_database_is_never_taken_for_another(env: dict[str, str]) -> None:
    """C05: a connection without a database is an error, not a surprise."""
    assert Config.load(connection="local", env=env).dsn is None
    with pytest.raises(ConfigError, match="connection lost names no database: give it a dsn"):
        Config.load(connection="lost", env=env)
    assert Config.load(connection="lost", env=env, dsn="host=b").dsn == "host=b"


def test_a_connection_that_is_not_there_is_refused_with_those_that_are() -> None:
    """C05: a typing error is found at once."""
    with pytest.raises(ConfigError, match=r"no connection 'report'; .*reports, local, lost"):
        Config.load(connection="report", env=ENV)
    with pytest.raises(ConfigError, match=r"connections \(PGQUEUE_CONNECTIONS\) has none"):
        Config.load(connection="report", env={})


def test_a_mistake_in_a_connection_stops_the_start_naming_it() -> None:
    """B30: also when the connection is not used."""
    bad = {"PGQUEUE_CONNECTIONS": '{"slow": {"lease": "soon"}}'}
    with pytest.raises(ConfigError, match=r"connections \(PGQUEUE_CONNECTIONS\): slow: lease: "):
        Config.load(env=bad)
    with pytest.raises(ConfigError, match="slow: dns is not a setting of a connection"):
        Config.load(env={"PGQUEUE_CONNECTIONS": '{"slow": {"dns": "x"}}'})


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ada:{CANARY}@db/app",
        f'{{"a": "postgresql://ada:{CANARY}@db/app"}}',
        f'{{"a": {{"dsn": "postgresql://ada:{CANARY}@x@db/app"}}}}',
        f'{{"postgresql://ada:{CANARY}@db/app": {{}}}}',
        f'{{"a": {{"postgresql://ada:{CANARY}@db/app": 1}}}}',
        f'{{"a": {{"dsn": ["{CANARY}"]}}}}',
        f'{{"a": {{"dsn": "host=db password={CANARY}"}}',
    ],
)
def test_no_password_is_in_an_error(text: str) -> None:
    """B31: however the mapping is misread."""
    with pytest.raises(ConfigError, match="PGQUEUE_CONNECTIONS") as caught:
        Config.load(env={"PGQUEUE_CONNECTIONS": text})
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_password_is_in_what_is_printed() -> None:
    """B31: nested DSNs are named by where they lead."""
    dsn = f"postgresql://ada:{CANARY}@db/app"
    config = Config(dsn=dsn, connections={"a": {"dsn": dsn, "lease": "90s"}, "b": {}})
    assert CANARY not in repr(config) + str(config)
    assert "connections={a: (dsn='db:5432/app as ada', lease=1m30s), b: ()}" in repr(config)
