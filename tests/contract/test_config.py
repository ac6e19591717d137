"""Every setting: by keyword and by variable, checked, in one order, without secrets."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pgqueue.backoff import fixed, listed
from pgqueue.config import Config, variable_of
from pgqueue.dotenv import read_dotenv
from pgqueue.errors import ConfigError
from pgqueue.policy import Policy

FIELDS = [setting.name for setting in fields(Config)]
CANARY = "canary-7c1f"
# What may hold a password, or a whole document, is not repeated by an error.
UNQUOTED = {"dsn", "listen_dsn", "connections", "queues"}

# By field: a text for its variable, what the text means, another value, and texts it refuses.
CASES: dict[str, tuple[str, Any, Any, list[str]]] = {
    "dsn": (
        "postgres://ada@db/app",
        "postgresql://ada@db/app",
        "host=other dbname=app",
        ["mysql://db/app", "localhost", "postgresql://db:x/app"],
    ),
    "listen_dsn": (
        "postgres://ada@direct/app",
        "postgresql://ada@direct/app",
        "host=direct dbname=app",
        ["mysql://direct/app", "localhost", "postgresql://direct:x/app"],
    ),
    "driver": ("memory", "memory", "acme.sqs", ["two words", "-", "../x"]),
    "default_queue": ("mail", "mail", "a:b", ["a b", "mail.dead", "x" * 49]),
    "queues": (
        '{"mail": {"attempts": 3, "backoff": "fixed(5s)"}, "audio": {"dead_letters": "none"}}',
        {
            "mail": Policy(attempts=3, backoff=fixed("5s")),
            "audio": Policy(dead_letters="none"),
        },
        {"mail": Policy(timeout=timedelta(minutes=1))},
        [
            *("mail", '["mail"]', '{"a b": {}}', '{"mail": 3}', '{"mail": {"attempts": 0}}'),
            *('{"mail": {"color": 1}}', '{"mail": {"backoff": "soon"}}', '{"mail.dead": {}}'),
            '{"mail": {"dead_letters": "lost"}}',
        ],
    ),
    "dead_retention": ("30d", timedelta(days=30), timedelta(hours=1), ["soon", "0s", "-1"]),
    "dead_keep": ("1000", 1000, 0, ["-1", "many", "1.5"]),
    "strict_queues": ("yes", True, True, ["2", "maybe"]),
    "connections": (
        '{"reports": {"dsn": "postgres://db/r", "schema": "reports", "lease": "2m"}}',
        {
            "reports": {
                "dsn": "postgresql://db/r",
                "schema": "reports",
                "lease": timedelta(minutes=2),
            }
        },
        {"audit": {"default_queue": "audit"}},
        [
            *("postgres://db/r", "{", '{"reports": "postgres://db/r"}', '{"a b": {}}'),
            *('{"r": {"connections": {}}}', '{"r": {"dns": ""}}', '{"r": {"dsn": "mysql://x"}}'),
        ],
    ),
    "schema": ("reports", "reports", "_2", ["Reports", "pg_x", "a.b", 'a"b', "1st", "a" * 42]),
    "pool_size": ("7", 7, 8, ["0", "-1", "1001", "many", "1.5", "1e3"]),
    "concurrency": ("50", 50, 51, ["0", "10001", "ten"]),
    "lease": ("2m", timedelta(minutes=2), timedelta(minutes=3), ["999ms", "0", "-5", "soon"]),
    "heartbeat": ("500ms", timedelta(seconds=0.5), timedelta(seconds=20), ["0", "9ms", "often"]),
    "poll_interval": ("1", timedelta(seconds=1), timedelta(seconds=2), ["9ms", "never"]),
    "connect_timeout": ("3s", timedelta(seconds=3), timedelta(seconds=4), ["0", "999ms", "nan"]),
    "shutdown_timeout": ("0", timedelta(), timedelta(hours=1), ["-1s", "1y"]),
    "attempts": ("32767", 32767, 1, ["0", "-1", "32768", "unlimited", "true"]),
    "backoff": ("fixed(30s)", fixed("30s"), listed(1, 2), ["30s", "fixed(soon)", "random(1s)"]),
    "dead_letters": ("none", "none", "none", ["None", "discard", "0", "false"]),
    "payload_warn_bytes": ("1000", 1000, 2000, ["0", "8388609", "1MB"]),
    "payload_max_bytes": ("268435455", 268_435_455, 2_000_000, ["0", "268435456", "1000"]),
}
BAD = [(name, text) for name in FIELDS for text in CASES[name][3]]


def pinned(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in [*map(variable_of, FIELDS), "DATABASE_URL"]:
        monkeypatch.delenv(name, raising=False)
    for name in ("SERVICE", "HOST", "HOSTADDR", "PORT", "DATABASE", "USER"):
        monkeypatch.delenv(f"PG{name}", raising=False)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_set_by_its_variable_and_by_its_keyword(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B29: no field is reachable on one path only."""
    text, value, other, _ = CASES[name]
    assert getattr(Config(), name) not in (value, other)
    assert getattr(Config.load(env={variable_of(name): text}), name) == value
    assert getattr(Config.load(**pinned(name, other)), name) == other
    assert getattr(Config.load(**pinned(name, text)), name) == value
    assert getattr(Config(**pinned(name, other)), name) == other
    monkeypatch.setenv(variable_of(name), text)
    assert getattr(Config.load(), name) == value
    assert getattr(Config.load(env=False), name) == getattr(Config(), name)


@pytest.mark.parametrize("name", FIELDS)
def test_a_keyword_wins_over_the_environment_and_that_over_dotenv(name: str) -> None:
    """B30: keyword > process environment > .env > default."""
    text, value, other, _ = CASES[name]
    variable = variable_of(name)
    dotenv = {variable: text}
    assert getattr(Config.load(env={}, dotenv=dotenv), name) == value
    assert getattr(Config.load(env={variable: ""}, dotenv=dotenv), name) == value
    assert getattr(Config.load(env={variable: text}, dotenv={variable: "bad"}), name) == value
    assert getattr(Config.load(env=dotenv, dotenv=dotenv, **pinned(name, other)), name) == other


@pytest.mark.parametrize("name", FIELDS)
def test_pinning_one_field_leaves_the_others_to_the_environment(name: str) -> None:
    """B30: settings compose field by field."""
    environment = {variable_of(each): case[0] for each, case in CASES.items()}
    config = Config.load(env=environment, **pinned(name, CASES[name][2]))
    for each, (_, value, other, _) in CASES.items():
        assert getattr(config, each) == (other if each == name else value)


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_stops_the_start_naming_its_variable(name: str, text: str) -> None:
    """B30, E12: unparseable or out of range, 0 attempts among them, is never a silent default."""
    errors = []
    with pytest.raises(ConfigError) as caught:
        Config.load(env={variable_of(name): text})
    errors.append(str(caught.value))
    with pytest.raises(ConfigError) as caught:
        Config(**pinned(name, text))
    errors.append(str(caught.value))
    for error in errors:
        assert f"{name} ({variable_of(name)})" in error
        assert (text in error) is (name not in UNQUOTED)


@pytest.mark.parametrize(
    ("one", "other", "settings"),
    [
        ("PGQUEUE_HEARTBEAT", "PGQUEUE_LEASE", {"heartbeat": "60s"}),
        ("PGQUEUE_HEARTBEAT", "PGQUEUE_LEASE", {"lease": "10s"}),
        ("PGQUEUE_PAYLOAD_WARN_BYTES", "PGQUEUE_PAYLOAD_MAX_BYTES", {"payload_max_bytes": 10}),
    ],
)
def test_two_settings_that_contradict_each_other_are_both_named(
    one: str, other: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=rf"{one}.*{other}"):
        Config(**settings)


def test_an_unknown_keyword_names_the_setting_that_was_meant() -> None:
    with pytest.raises(ConfigError, match="poolsize is not a setting; did you mean pool_size"):
        Config.load(poolsize=3)
    with pytest.raises(ConfigError, match="zzz is not a setting; did you mean dsn, listen_dsn"):
        Config.load(zzz=3)


def test_a_configuration_never_changes() -> None:
    config = Config()
    with pytest.raises(FrozenInstanceError):
        config.lease = timedelta(hours=1)  # type: ignore[misc]
    assert replace(config, attempts=3).attempts == 3
    with pytest.raises(ConfigError, match="PGQUEUE_ATTEMPTS"):
        replace(config, attempts=0)


def test_the_database_is_found_in_one_order_and_is_never_guessed() -> None:
    """A18: PGQUEUE_DSN, else DATABASE_URL, else libpq's own variables, else an error."""
    libpq = {"PGHOST": "db"}
    platform = libpq | {"DATABASE_URL": "postgres://platform/app"}
    ours = platform | {"PGQUEUE_DSN": "postgres://ours/app"}
    assert Config.load(env=ours).conninfo() == "postgresql://ours/app"
    assert Config.load(env=platform).conninfo() == "postgresql://platform/app"
    assert Config.load(env=libpq).conninfo() == ""
    assert Config.load(env={"PGSERVICE": "prod"}).conninfo() == ""
    assert Config.load(env=libpq, dotenv={"DATABASE_URL": "host=a"}).conninfo() == "host=a"
    nothing = Config.load(env={"PGUSER": "ada", "DATABASE_URL": ""}, dotenv=libpq)
    for ask in (nothing.conninfo, nothing.endpoint):
        with pytest.raises(ConfigError, match=r"PGQUEUE_DSN or DATABASE_URL .* PGSERVICE, PGHOST"):
            ask()


def test_a_password_is_in_no_repr_and_no_error() -> None:
    """B31: what is printed names the endpoint, in every form that a DSN takes."""
    for dsn in (f"postgresql://ada:{CANARY}@db/app", f"host=db user=ada password='{CANARY}'"):
        config = Config(dsn=dsn)
        assert CANARY in config.conninfo()
        assert CANARY not in repr(config) + str(config) + config.endpoint()
        assert "Config(dsn='db:5432/" in repr(config)
        assert "lease=1m," in repr(config)
        with pytest.raises(ConfigError) as caught:
            Config(dsn=dsn, heartbeat=timedelta(hours=1))
        assert CANARY not in str(caught.value)
        assert CANARY not in repr(Config(listen_dsn=dsn))
    assert repr(Config()).startswith("Config(dsn=None, listen_dsn=None, driver='postgres',")


def test_dotenv_lines_are_read_with_export_quotes_and_comments(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "\ufeff# settings\n\n"
        "PGQUEUE_LEASE=2m\n"
        "export PGQUEUE_DSN = email  # the default\n"
        'DOUBLE="a \\"b\\" # c\\n" # comment\n'
        "SINGLE='a \"b\" \\n # c'\n"
        "HASH=a#b\n"
        "SPACES=a b  c\n"
        "EMPTY=\n"
        "ALSO_EMPTY= # nothing\n",
        "utf-8",
    )
    assert read_dotenv(path) == {
        "PGQUEUE_LEASE": "2m",
        "PGQUEUE_DSN": "email",
        "DOUBLE": 'a "b" # c\n',
        "SINGLE": 'a "b" \\n # c',
        "HASH": "a#b",
        "SPACES": "a b  c",
        "EMPTY": "",
        "ALSO_EMPTY": "",
    }


@pytest.mark.parametrize("line", [f"{CANARY}", f"KEY='{CANARY}", f'KEY="{CANARY}" x', "1A=b"])
def test_a_line_that_is_no_setting_is_named_by_its_number_and_not_quoted(
    line: str, tmp_path: Path
) -> None:
    path = tmp_path / ".env"
    path.write_text(f"A=b\n{line}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"\.env, line 2: write KEY=VALUE") as caught:
        read_dotenv(path)
    assert CANARY not in str(caught.value)


def test_a_dotenv_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.env: cannot be read: FileNotFoundError"):
        read_dotenv(tmp_path / "missing.env")
