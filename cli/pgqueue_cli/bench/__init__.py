"""`pgqueue bench`: what pgqueue does on your own database, in a schema that it drops."""

from __future__ import annotations

from typing import Annotated

import typer

from pgqueue_cli.options import Connection, Dsn, Json

HEADINGS = ("what", "value", "unit")


def bench(
    *,
    jobs: Annotated[
        int, typer.Option(min=100, max=1_000_000, metavar="N", help="How many jobs to drain.")
    ] = 10_000,
    pushes: Annotated[
        int, typer.Option(min=20, max=100_000, metavar="N", help="How many to push one by one.")
    ] = 200,
    concurrency: Annotated[
        int,
        typer.Option("--concurrency", "-c", min=1, max=10_000, metavar="N", help="Jobs at once."),
    ] = 100,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Measure speed on your database, in a schema that it drops."""
    from pgqueue_cli import settings
    from pgqueue_cli.bench.measures import Load, measures
    from pgqueue_cli.bench.own import own_schema
    from pgqueue_cli.terminal import print_json, print_table

    given = settings.config(connection, dsn=dsn)
    load = Load(jobs=jobs, pushes=pushes, concurrency=concurrency)
    with own_schema(given) as (config, conn):
        found = []
        for one in measures(config, conn, load):
            found.append(one)
            if as_json:
                print_json(dict(zip(HEADINGS, one, strict=True)))
            else:
                typer.echo(f"{one.what}: {one.shown} {one.unit}", err=True)
    if not as_json:
        print_table(HEADINGS, [(one.what, one.shown, one.unit) for one in found], elastic=("what",))
