"""Chooses the PostgreSQL that the tests run on: a given one, a container's, or an embedded one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psycopg

from pgqueue.devserver import DevServer, DevServerError

IMAGE = "postgres:18-alpine"
SETTINGS = {"max_connections": "200"}
SPEED = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class NoServer(Exception):
    """No PostgreSQL can be used; the message says why, and what to set."""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL: where it came from, its maintenance database, its version."""

    source: str
    dsn: str
    version: str


@contextmanager
def chosen_server() -> Iterator[Server]:
    """Start or find the server that the environment asks for; it ends with the block."""
    choice = os.environ.get("PGQUEUE_TEST_SERVER", "auto")
    with ExitStack() as stack:
        match choice:
            case "auto":
                server = _automatic_server(stack)
            case "dsn":
                server = _given_server()
            case "docker":
                server = stack.enter_context(_container_server())
            case "embedded":
                server = stack.enter_context(_embedded_server())
            case _:
                raise NoServer(
                    f"PGQUEUE_TEST_SERVER is {choice!r}; use auto, dsn, docker or embedded."
                )
        yield server


def _automatic_server(stack: ExitStack) -> Server:
    if os.environ.get("PGQUEUE_TEST_DSN"):
        return _given_server()
    # Who names programs wants these programs, not a container's.
    if not os.environ.get("PGQUEUE_PG_BIN"):
        with suppress(NoServer):
            return stack.enter_context(_container_server())
    return stack.enter_context(_embedded_server())


def _given_server() -> Server:
    dsn = os.environ.get("PGQUEUE_TEST_DSN")
    if not dsn:
        raise NoServer("PGQUEUE_TEST_SERVER is 'dsn', so PGQUEUE_TEST_DSN must be set.")
    try:
        return Server("PGQUEUE_TEST_DSN", dsn, _version(dsn))
    except psycopg.OperationalError as error:
        raise NoServer("the server of PGQUEUE_TEST_DSN does not let us in.") from error


@contextmanager
def _container_server() -> Iterator[Server]:
    from docker.errors import DockerException
    from testcontainers.community.postgres import PostgresContainer

    options = " ".join(f"-c {name}={value}" for name, value in (SETTINGS | SPEED).items())
    try:
        container = PostgresContainer(IMAGE, driver=None).with_command(f"postgres {options}")
        container.start()
    except DockerException as error:
        raise NoServer(
            f"no container engine could start {IMAGE} ({type(error).__name__}); start the engine, "
            "or set PGQUEUE_TEST_SERVER=embedded."
        ) from error
    try:
        dsn = container.get_connection_url()
        yield Server(f"container {IMAGE}", dsn, _version(dsn))
    finally:
        container.stop()


@contextmanager
def _embedded_server() -> Iterator[Server]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(DevServer.throwaway(settings=SETTINGS))
        except DevServerError as error:
            raise NoServer(str(error)) from error
        yield Server("embedded", server.dsn, server.version)


def _version(dsn: str) -> str:
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        reported = connection.info.parameter_status("server_version") or "of unknown version"
    return reported.partition(" ")[0]
