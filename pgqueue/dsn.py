"""Connection strings, read just enough to be checked and to be named without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

LIBPQ_VARIABLES: Final = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE")

_FALLBACKS: Final = {
    "service": "PGSERVICE",
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
}
_SCHEME: Final = re.compile(r"postgres(?:ql)?(?:\+[a-z0-9]+)?://")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:@/\[\]]*)(?::([0-9]*))?")
_PAIR: Final = re.compile(
    r"\s*([a-z_]+)\s*=\s*+(?:'((?:[^'\\]|\\.)*)'|((?!')(?:[^\s\\]|\\.)*))(?=\s|$)", re.DOTALL
)
_KEYWORD: Final = re.compile(r"[a-z_]+")


def normalize(dsn: str) -> str:
    """Return the DSN as libpq reads it; other libraries' `postgresql+driver://` becomes a URL.

    One that cannot be read is a ValueError that quotes nothing of it.
    """
    url = _SCHEME.sub("postgresql://", dsn.strip(), count=1)
    _parts(url)
    return url


def endpoint(dsn: str, environment: Mapping[str, str]) -> str:
    """Name where a DSN leads, `host:port/dbname as user`, as libpq fills in what it leaves out."""
    parts = _parts(dsn)
    for name, variable in _FALLBACKS.items():
        parts.setdefault(name, environment.get(variable, ""))
    if parts["service"] and not parts["host"]:
        return f"service {parts['service']}"
    hosts = (parts["host"] or parts["hostaddr"] or "local socket").split(",")
    ports = parts["port"].split(",")
    ports += ports[-1:] * (len(hosts) - len(ports))
    where = ",".join(f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False))
    if dbname := parts["dbname"] or parts["user"]:
        where += f"/{dbname}"
    return f"{where} as {parts['user']}" if parts["user"] else where


def _parts(dsn: str) -> dict[str, str]:
    parts = _url_parts(dsn) if "://" in dsn.partition("=")[0] else _pairs(dsn)
    # libpq may expand a connection string given as a database's name, and would print it.
    if "://" in parts.get("dbname", ""):
        raise ValueError("the database's name is a URL; give the URL alone")
    if not re.fullmatch(r"[0-9,]*", parts.get("port", "")):
        raise ValueError("the port is not a number")
    return parts


def _url_parts(url: str) -> dict[str, str]:
    scheme, _, rest = url.partition("://")
    if scheme != "postgresql":
        raise ValueError("the URL does not start with postgresql://")
    if _BAD_ESCAPE.search(rest):
        raise ValueError("it has a % that starts no escape; write a literal % as %25")
    location, _, query = rest.partition("?")
    authority, _, dbname = location.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    if "@" in credentials + dbname + query:
        raise ValueError("it has an @ : / or ? out of place; percent-encode the password")
    found = [_HOST.fullmatch(host) for host in hosts.split(",")]
    if None in found:
        raise ValueError("its host and port cannot be read; percent-encode the password")
    parts = {
        "user": credentials.partition(":")[0],
        "dbname": dbname,
        "host": ",".join(match[1] for match in found if match),
        "port": ",".join(match[2] or "" for match in found if match),
    }
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals or not _KEYWORD.fullmatch(name):
            raise ValueError("its ?name=value part cannot be read; percent-encode the values")
        parts[name] = value
    return {name: unquote(value) for name, value in parts.items() if value}


def _pairs(conninfo: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    position = 0
    while position < len(conninfo.rstrip()):
        match = _PAIR.match(conninfo, position)
        if match is None:
            raise ValueError("it is neither postgresql://… nor a list of name=value")
        name, quoted, bare = match.groups()
        parts[name] = re.sub(r"\\(.)", r"\1", bare if quoted is None else quoted)
        position = match.end()
    return parts
