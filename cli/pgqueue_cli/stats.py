"""`pgqueue stats`: how much there is, and whether too much of it is dead."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pgqueue_cli.options import Connection, Dsn, Json

HEADINGS = ("queue", "state", "reason", "count", "oldest")


def stats(
    *,
    max_dead: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Exit 1 if there are more dead letters in all."),
    ] = None,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Count jobs by queue, state and reason.

    Live jobs are ready, leased or scheduled; dead letters have a reason.
    """
    from pgqueue.drivers.postgres import Postgres
    from pgqueue.errors import PgqueueError
    from pgqueue_cli import database, settings
    from pgqueue_cli.terminal import moment, print_json, print_table

    driver = Postgres(dsn, connection=connection, dotenv=settings.dotenv())
    with database.connected(driver.config) as conn:
        found = driver.stats(on=conn)
    rows: list[tuple[Any, ...]] = [
        (one.queue, one.state, None, one.count, one.oldest) for one in found.live
    ]
    rows += [(one.queue, "dead", one.reason, one.count, None) for one in found.dead]
    if as_json:
        for row in rows:
            print_json(dict(zip(HEADINGS, row, strict=True)))
    elif rows:
        cells = [(*row[:-1], moment(row[-1])) for row in sorted(rows, key=lambda row: row[0])]
        print_table(HEADINGS, cells, elastic=("queue",))
    else:
        typer.echo("no jobs, and no dead letters", err=True)
    if max_dead is not None and found.dead_count > max_dead:
        raise PgqueueError(
            f"{found.dead_count} dead letters are more than {max_dead}; `pgqueue dead list` names "
            "them"
        )
