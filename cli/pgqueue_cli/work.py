"""`pgqueue work`: a worker process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgqueue_cli.logs import Format, Level, configure
from pgqueue_cli.options import AppDir, Application, Dsn


def work(
    target: Application = None,
    *,
    queue: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Only these queues, the first emptied before the next."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", "-c", min=1, metavar="N", help="How many jobs may run at once."
        ),
    ] = None,
    log_level: Annotated[Level, typer.Option(help="The least level that is logged.")] = "info",
    log_format: Annotated[Format, typer.Option(help="How the log is written.")] = "text",
    app_dir: AppDir = Path(),
    dsn: Dsn = None,
) -> None:
    """Run jobs. SIGTERM or Ctrl-C finishes what runs; a second one gives it back at once."""
    from pgqueue.worker.process import run
    from pgqueue_cli import application, names, settings

    configure(log_level, log_format)
    flags = {"queues": names.queues(queue) if queue else None, "concurrency": concurrency}
    settings.into_environment(dsn)
    found = application.load(application.named(target), app_dir)
    worker = application.changed(found, {k: v for k, v in flags.items() if v is not None})
    raise typer.Exit(run(worker))
