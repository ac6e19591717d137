"""`pgqueue work`: a worker process."""

from __future__ import annotations

from pathlib import Path

import typer

from pgqueue_cli.logs import configure
from pgqueue_cli.options import (
    AppDir,
    Application,
    Concurrency,
    Dsn,
    LogFormat,
    LogLevel,
    MaxJobs,
    MaxTime,
    Memory,
    Once,
    Queues,
    StopWhenEmpty,
    WaitDelayed,
)


def work(
    target: Application = None,
    *,
    queue: Queues = None,
    concurrency: Concurrency = None,
    once: Once = False,
    stop_when_empty: StopWhenEmpty = False,
    wait_delayed: WaitDelayed = False,
    max_jobs: MaxJobs = None,
    max_time: MaxTime = None,
    memory: Memory = None,
    log_level: LogLevel = "info",
    log_format: LogFormat = "text",
    app_dir: AppDir = Path(),
    dsn: Dsn = None,
) -> None:
    """Run jobs. SIGTERM or Ctrl-C finishes what runs; a second one gives it back at once."""
    from pgqueue.worker.process import run
    from pgqueue.worker.until import Until
    from pgqueue_cli import application, names, settings

    until = Until(
        empty=once or stop_when_empty,
        delayed=wait_delayed,
        jobs=1 if once else max_jobs,
        time=names.duration(max_time, "--max-time"),
        memory=memory and memory * 1024 * 1024,
    )
    configure(log_level, log_format)
    flags = {"queues": names.queues(queue) if queue else None, "concurrency": concurrency}
    settings.into_environment(dsn)
    found = application.load(application.named(target), app_dir)
    worker = application.changed(found, {k: v for k, v in flags.items() if v is not None})
    raise typer.Exit(run(worker, until))
