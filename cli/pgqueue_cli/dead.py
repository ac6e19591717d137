"""`pgqueue dead`: a look at the dead letters."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pgqueue.outcome import Reason
from pgqueue_cli.options import Connection, Dsn, Json

app = typer.Typer(
    name="dead", help="Look at the dead letters.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_(
    *,
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    name: Annotated[str | None, typer.Option(help="Only of this name.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Only with this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 100,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """List dead letters, the latest death first."""
    from pgqueue.drivers.postgres.dead import dead_list
    from pgqueue_cli import database, letters, settings
    from pgqueue_cli.terminal import print_json, print_table

    config = settings.config(connection, dsn=dsn)
    filters: dict[str, Any] = {"queue": queue, "name": name, "reason": reason, "limit": limit}
    with database.connected(config) as conn:
        found = dead_list(conn, **filters, schema=config.schema)
    if as_json:
        for one in found:
            print_json(letters.summary(one))
    elif found:
        print_table(
            letters.HEADINGS, list(map(letters.line, found)), elastic=("queue", "name", "error")
        )
    else:
        typer.echo("no dead letters", err=True)


@app.command()
def show(
    job: Annotated[int, typer.Argument(metavar="ID")],
    *,
    payload: Annotated[bool, typer.Option("--payload", help="With its payload.")] = False,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Show one dead letter with the failures that were kept."""
    from pgqueue.drivers.postgres.dead import dead_get
    from pgqueue.errors import PgqueueError
    from pgqueue_cli import database, letters, settings
    from pgqueue_cli.terminal import print_json

    config = settings.config(connection, dsn=dsn)
    with database.connected(config) as conn:
        found = dead_get(conn, job, schema=config.schema)
    if found is None:
        raise PgqueueError(f"there is no dead letter {job}; `pgqueue dead list` names them")
    if as_json:
        print_json(letters.full(found, with_payload=payload))
    else:
        print("\n".join(letters.described(found, with_payload=payload)))
