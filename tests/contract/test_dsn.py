"""B31: a connection string is checked and named, and its password is in nothing we say."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgqueue.config import Config
from pgqueue.dsn import endpoint, normalize
from pgqueue.errors import ConfigError

CANARY = "c4n4ry"
ENCODED = "c4%40n%2F4%3Ary"  # c4@n/4:ry

ENDPOINTS = {
    f"postgres://ada:{CANARY}@db.internal:5433/app": "db.internal:5433/app as ada",
    f"postgresql+psycopg://ada:{ENCODED}@db/app": "db:5432/app as ada",
    f"postgresql+asyncpg://ada:{CANARY}@[::1]:5433/app?sslmode=require": "[::1]:5433/app as ada",
    f"postgresql+psycopg2://a%40b:{CANARY}@h1,h2:5433/app": "h1:5432,h2:5433/app as a@b",
    f"postgresql:///app?host=/run/pg&user=ada&password={ENCODED}": "/run/pg:5432/app as ada",
    f"postgresql://ada:{CANARY}:{CANARY}@db": "db:5432/ada as ada",
    "postgresql://": "local socket:5432",
    f"host=db port=5433 dbname=app user=ada password={CANARY}": "db:5433/app as ada",
    f"user=ada password = '{CANARY} \\' {CANARY}' host=h1,h2 dbname=app": (
        "h1:5432,h2:5432/app as ada"
    ),
    f"password={CANARY}\\ {CANARY} hostaddr=10.0.0.1 user=ada": "10.0.0.1:5432/ada as ada",
    f"service=prod password={CANARY}": "service prod",
    "": "local socket:5432",
}
MALFORMED = [
    f"ada:{CANARY}@db/app",
    f"mysql://ada:{CANARY}@db/app",
    f"postgresql://ada:{CANARY}@{CANARY}@db/app",
    f"postgresql://ada:{CANARY}/4@db/app",
    "postgresql://ada:12/c4n4ry@db/app",
    f"postgresql://ada:12?{CANARY}=x@db/app",
    f"postgresql://ada:12?{CANARY}@db/app",
    f"postgresql://ada:%zz{CANARY}@db/app",
    f"postgresql://ada@db:{CANARY}/app",
    f"postgresql://db/app?password=12&{CANARY}",
    f"host=db password=12 {CANARY}",
    f"host=db password='{CANARY}",
    f"host=db password='12'{CANARY}",
    f"host=db port={CANARY}",
    f"dbname=postgresql://ada:{CANARY}@db/app",
]


@pytest.mark.parametrize(("dsn", "name"), ENDPOINTS.items())
def test_a_dsn_is_named_by_where_it_leads_and_as_whom(dsn: str, name: str) -> None:
    assert endpoint(normalize(dsn), {}) == name
    assert CANARY not in repr(Config(dsn=dsn))


@pytest.mark.parametrize("dsn", ENDPOINTS)
def test_libpq_reads_what_we_read(dsn: str) -> None:
    parts = conninfo_to_dict(normalize(dsn))
    named = endpoint(normalize(dsn), {})
    for part in ("dbname", "user", "service"):
        assert str(parts.get(part, "")) in named
    for part in ("host", "port"):
        for each in str(parts.get(part, "")).split(","):
            assert each in named


@pytest.mark.parametrize("dsn", MALFORMED)
def test_a_malformed_dsn_is_refused_without_being_quoted(dsn: str) -> None:
    with pytest.raises(ConfigError, match=r"^dsn \(PGQUEUE_DSN\): ") as caught:
        Config(dsn=dsn)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_a_dsn_leaves_out_is_taken_from_libpqs_variables() -> None:
    environment = {"PGHOST": "db", "PGPORT": "5433", "PGDATABASE": "app", "PGUSER": "ada"}
    assert endpoint("", environment) == "db:5433/app as ada"
    assert endpoint("host=other", environment) == "other:5433/app as ada"
    assert endpoint("", {"PGSERVICE": "prod", "PGUSER": "ada"}) == "service prod"
    assert endpoint("host=db", {"PGSERVICE": "prod"}) == "db:5432"
