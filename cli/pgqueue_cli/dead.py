"""`pgqueue dead`: the dead letters, looked at, redriven and discarded."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pgqueue_cli.deadoptions import DryRun, Everything, Limit, Rate, Yes, filtered
from pgqueue_cli.options import Connection, Dsn, Json

Wanted = dict[str, Any]

app = typer.Typer(
    name="dead",
    help="List, explain, redrive and discard dead letters.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
@filtered
def list_(
    *,
    wanted: Wanted,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 100,
    after: Annotated[
        int | None, typer.Option(metavar="ID", help="The next page: the last id of the one before.")
    ] = None,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """List dead letters, the newest ids first."""
    from pgqueue_cli import deadwork, letters
    from pgqueue_cli.terminal import print_json, print_table

    with deadwork.opened(connection, dsn) as (dead, conn):
        found = dead.list(on=conn, after=after, limit=limit, **wanted)
    if as_json:
        for one in found:
            print_json(letters.summary(one))
    elif found:
        rows = list(map(letters.line, found))
        print_table(letters.HEADINGS, rows, elastic=("queue", "name", "error"))
        if len(found) == limit:
            typer.echo(f"there may be more: --after {found[-1].id}", err=True)
    else:
        typer.echo("no dead letters", err=True)


@app.command()
def show(
    job: Annotated[
        int, typer.Argument(metavar="ID", help="The dead letter's id, which `dead list` shows.")
    ],
    *,
    payload: Annotated[bool, typer.Option("--payload", help="With its payload.")] = False,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Show one dead letter with the failures that were kept."""
    from pgqueue.errors import PgqueueError
    from pgqueue_cli import deadwork, letters
    from pgqueue_cli.terminal import print_json

    with deadwork.opened(connection, dsn) as (dead, conn):
        found = dead.get(job, on=conn)
    if found is None:
        raise PgqueueError(f"there is no dead letter {job}; `pgqueue dead list` names them")
    if as_json:
        print_json(letters.full(found, with_payload=payload))
    else:
        print("\n".join(letters.described(found, with_payload=payload)))


@app.command()
@filtered
def count(
    *, wanted: Wanted, as_json: Json = False, connection: Connection = None, dsn: Dsn = None
) -> None:
    """Count dead letters."""
    from pgqueue_cli import deadwork
    from pgqueue_cli.terminal import print_json

    with deadwork.opened(connection, dsn) as (dead, conn):
        number = dead.count(on=conn, **wanted)
    if as_json:
        print_json({"count": number})
    else:
        print(number)


@app.command()
@filtered
def redrive(
    ids: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="ID", help="Dead letters by their ids; without any, those that pass the filter."
        ),
    ] = None,
    *,
    wanted: Wanted,
    everything: Everything = False,
    limit: Limit = None,
    rate: Rate = None,
    delay: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Not before then: 30s, 5m, 1h30m.")
    ] = None,
    to_queue: Annotated[
        str | None, typer.Option(metavar="QUEUE", help="There, and not where they died.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Make dead jobs run again, by id or by filter."""
    from pgqueue_cli import deadwork, names

    pace: dict[str, Any] = {"limit": limit, "rate": rate, "dry_run": dry_run}
    target: dict[str, Any] = {
        "delay": names.duration(delay, "--delay"),
        "to_queue": None if to_queue is None else names.queue(to_queue),
    }
    deadwork.check(ids, wanted, pace, everything=everything, command="redrive")
    with deadwork.opened(connection, dsn) as (dead, conn):
        if ids:
            deadwork.tell("redriven", dead.redrive(ids, on=conn, **target), as_json=as_json)
        else:
            number = dead.redrive(on=conn, all=everything, **pace, **target, **wanted)
            deadwork.tell_many("redriven", number, dry_run=dry_run, as_json=as_json)


@app.command()
def discard(
    ids: Annotated[
        list[int],
        typer.Argument(metavar="ID", help="Dead letters by their ids, which `dead list` shows."),
    ],
    *,
    yes: Yes = False,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Delete dead letters for good, by their ids."""
    from pgqueue_cli import deadwork

    with deadwork.opened(connection, dsn) as (dead, conn):
        deadwork.sure(f"delete {len(set(ids))} dead letters for good", yes=yes)
        deadwork.tell("discarded", dead.discard(ids, on=conn), as_json=as_json)


@app.command()
@filtered
def flush(
    *,
    wanted: Wanted,
    everything: Everything = False,
    limit: Limit = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Delete for good the dead letters that pass a filter."""
    from pgqueue_cli import deadwork

    pace: dict[str, Any] = {"limit": limit, "rate": rate}
    deadwork.check(None, wanted, pace, everything=everything, command="flush")
    with deadwork.opened(connection, dsn) as (dead, conn):
        number = dead.flush(on=conn, all=everything, dry_run=True, limit=limit, **wanted)
        if not dry_run:
            deadwork.sure(f"delete {number} dead letters for good", yes=yes)
            number = dead.flush(on=conn, all=everything, **pace, **wanted)
        deadwork.tell_many("discarded", number, dry_run=dry_run, as_json=as_json)
