"""`pgqueue work`: a worker process."""

from __future__ import annotations

from pathlib import Path

import typer

from pgqueue_cli.logs import configure
from pgqueue_cli.options import (
    AppDir,
    Application,
    Concurrency,
    Connection,
    Dsn,
    Health,
    LogFormat,
    LogLevel,
    Loop,
    MaxJobs,
    MaxTime,
    Memory,
    Once,
    Queues,
    Reload,
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
    loop: Loop = "auto",
    health: Health = None,
    reload: Reload = False,
    log_level: LogLevel = "info",
    log_format: LogFormat = "text",
    app_dir: AppDir = Path(),
    connection: Connection = None,
    dsn: Dsn = None,
) -> None:
    """Run jobs. SIGTERM or Ctrl-C finishes what runs; a second one gives it back at once."""
    from pgqueue.worker.probes import Address, probes
    from pgqueue.worker.process import run
    from pgqueue.worker.until import Until
    from pgqueue_cli import application, names, reloading

    until = Until(
        empty=once or stop_when_empty,
        delayed=wait_delayed,
        jobs=1 if once else max_jobs,
        time=names.duration(max_time, "--max-time"),
        memory=memory and memory * 1024 * 1024,
    )
    configure(log_level, log_format)
    if reload:
        raise typer.Exit(reloading.supervise(app_dir))
    reloading.follow()
    address = None if health is None else Address.parse(health, field="--health")
    flags = {"queues": names.queues(queue) if queue else None, "concurrency": concurrency}
    worker = application.assembled(target, app_dir, connection=connection, dsn=dsn, flags=flags)
    raise typer.Exit(run(worker, until, address and probes(address, worker.health), loop))
