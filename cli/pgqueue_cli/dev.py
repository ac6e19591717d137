"""`pgqueue dev`: a PostgreSQL of one's own, and a worker on it."""

from __future__ import annotations

import logging
import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer

from pgqueue_cli.options import AppDir, Application

_STOPS = (signal.SIGINT, signal.SIGTERM)


def dev(
    target: Application = None,
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the data stays; default: your state folder.",
            show_default=False,
        ),
    ] = None,
    app_dir: AppDir = Path(),
) -> None:
    """Run an embedded PostgreSQL, and a worker on it."""
    import pgqueue_migrations

    from pgqueue.devserver import DevServer
    from pgqueue_cli import application, settings
    from pgqueue_cli.logs import configure

    configure("info", "text")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # one line below says it all
    with DevServer.persistent(folder) as server:
        schema = settings.config(dsn=server.dsn).schema
        pgqueue_migrations.upgrade(server.dsn, schema=schema)
        print(f"PostgreSQL {server.version}, migrated, is at\n  {server.dsn}")
        print(f"for other terminals:\n  export PGQUEUE_DSN={shlex.quote(server.dsn)}", flush=True)
        settings.into_environment(server.dsn)
        named = application.named_or_none(target)
        code = _wait() if named is None else _work(named, app_dir)
    raise typer.Exit(code)


def _work(named: str, app_dir: Path) -> int:
    from pgqueue.worker.process import run
    from pgqueue_cli import application

    return run(application.load(named, app_dir))


def _wait() -> int:
    print("no application is named, so no worker runs; Ctrl-C stops the server", flush=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    signal.sigwait(_STOPS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    return 0
