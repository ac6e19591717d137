"""`pgqueue push`: a job from the command line."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from pgqueue_cli.options import Connection, Dsn

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[QUEUE] JSON",
        help="The queue, PGQUEUE_QUEUE by default, and the payload; - reads it from standard "
        "input.",
    ),
]

Delay = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Not before then: 30s, 5m, 1h30m.")
]
Expiry = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Dead if not started by then.")
]
UniqueKey = Annotated[
    str | None, typer.Option(metavar="KEY", help="Only if no job of the queue holds the key.")
]
UniqueWithin = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long it is held; default: until the job is done."),
]


def push(
    words: Words,
    *,
    name: Annotated[str | None, typer.Option(help="Which processor of the queue.")] = None,
    delay: Delay = None,
    priority: Annotated[int, typer.Option(min=0, max=9, help="0 is claimed first.")] = 5,
    attempts: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Runs in all; default: the processor's.")
    ] = None,
    expires_in: Expiry = None,
    unique: UniqueKey = None,
    unique_within: UniqueWithin = None,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Push one job, and print its id.

    If a job holds the --unique key already nothing is pushed, and the id is that job's.
    """
    from pgqueue.drivers.postgres import Postgres
    from pgqueue_cli import database, names, settings

    queue, payload = _read(words)
    lane, called = None if queue is None else names.queue(queue), names.job(name)
    wait, limit = names.duration(delay, "--delay"), names.duration(expires_in, "--expires-in")
    key = _unique(unique, unique_within)
    value = _decoded(sys.stdin.buffer.read() if payload == "-" else payload)
    driver = Postgres(dsn, connection=connection, dotenv=settings.dotenv())
    with database.connected(driver.config) as conn:
        job = driver.push(
            lane or driver.queue,
            value,
            on=conn,
            name=called,
            delay=wait,
            priority=priority,
            attempts=attempts,
            expires_in=limit,
            unique=key,
        )
    print(job)
    if not job.created:
        print(f"not pushed: job {job} holds the key", file=sys.stderr)


def _unique(key: str | None, within: str | None) -> Any:
    from pgqueue.unique import Unique
    from pgqueue_cli import names

    if key is None:
        if within is not None:
            raise typer.BadParameter("--unique-within needs --unique KEY")
        return None
    return Unique(key, within=names.duration(within, "--unique-within"))


def _read(words: list[str]) -> tuple[str | None, str]:
    match words:
        case [payload]:
            return None, payload
        case [queue, payload]:
            return queue, payload
    raise typer.BadParameter("give a queue and one payload; a payload with spaces needs quotes")


def _decoded(text: str | bytes) -> Any:
    import msgspec

    from pgqueue.errors import ConfigError

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigError(f"the payload is not JSON: {error}") from None
