"""What the commands on dead letters do with them, and how it is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import typer

from pgqueue.drivers.postgres import Postgres
from pgqueue.drivers.postgres.letters import Letters
from pgqueue.errors import ConfigError
from pgqueue.letters import Report
from pgqueue_cli import database, settings
from pgqueue_cli.terminal import print_json

Connection = psycopg.Connection[Any]


@contextmanager
def opened(connection: str | None, dsn: str | None) -> Iterator[tuple[Letters, Connection]]:
    """Give the dead letters, and the connection on which to look at them."""
    driver = Postgres(dsn, connection=connection, dotenv=settings.dotenv())
    with database.connected(driver.config) as conn:
        yield driver.dead, conn


def sure(what: str, *, yes: bool) -> None:
    """Ask a person who sits there; without one `--yes` has to say it."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(f"this would {what}; without a terminal to ask on, say --yes")
    if not typer.confirm(f"{what[0].upper()}{what[1:]}?"):
        raise typer.Exit(1)


def tell(verb: str, report: Report, *, as_json: bool) -> None:
    """Tell what became of each id; exit 1 if one was left."""
    if as_json:
        print_json({"done": report.done, "unknown": report.unknown, "held": report.held})
    elif report.done:
        print(f"{verb} {_listed(report.done)}")
    if report.unknown:
        print(f"pgqueue: there is no dead letter {_listed(report.unknown)}", file=sys.stderr)
    if report.held:
        print(
            f"pgqueue: a dead-letter processor is at work on {_listed(report.held)}; try again",
            file=sys.stderr,
        )
    if not report:
        raise typer.Exit(1)


def tell_many(verb: str, count: int, *, dry_run: bool, as_json: bool) -> None:
    """Tell how many were done, or would be."""
    if as_json:
        print_json({"would_be_done" if dry_run else "done": count})
    else:
        print(f"{count} would be {verb}" if dry_run else f"{verb} {count}")


def check(
    ids: object,
    wanted: Mapping[str, object],
    pace: Mapping[str, object],
    *,
    everything: bool,
    command: str,
) -> None:
    """Refuse ids together with a filter, and to take every dead letter unless that was said."""
    rate = pace.get("rate")
    if isinstance(rate, float) and not 0 < rate < float("inf"):
        raise ConfigError(f"--rate: {rate} is not a rate; give dead letters a second")
    said = [word for word, value in {**wanted, **pace, "all": everything}.items() if value]
    if ids and said:
        raise ConfigError(f"{command}: ids and a filter ({', '.join(said)}) exclude each other")
    if not (ids or wanted or everything):
        raise ConfigError(
            f"{command}: the filter is empty, which means every dead letter; "
            "give --queue or another option, or --all"
        )


def _listed(ids: tuple[int, ...]) -> str:
    return ", ".join(map(str, ids))
