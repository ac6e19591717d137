"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pgqueue_cli.logs import Format, Level

Application = Annotated[
    str | None,
    typer.Argument(
        metavar="MODULE:ATTR",
        help="A Worker or Processors, such as app.main:worker; default: PGQUEUE_APP, or app "
        "under [tool.pgqueue] in pyproject.toml.",
        show_default=False,
    ),
]
AppDir = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Where MODULE is imported from first.",
    ),
]
Dsn = Annotated[
    str | None,
    typer.Option(
        metavar="DSN",
        help="The database; default: PGQUEUE_DSN, DATABASE_URL, or libpq's PG* variables.",
        show_default=False,
    ),
]
Connection = Annotated[
    str | None,
    typer.Option(
        "--connection",
        metavar="NAME",
        help="One of PGQUEUE_CONNECTIONS instead of the default connection.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines, for programs.")]

Queues = Annotated[
    list[str] | None,
    typer.Option(
        "--queue", metavar="A,B", help="Only these queues, the first emptied before the next."
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", "-c", min=1, metavar="N", help="How many jobs may run at once."),
]
LogLevel = Annotated[Level, typer.Option(help="The least level that is logged.")]
LogFormat = Annotated[Format, typer.Option(help="How the log is written.")]

Loop = Annotated[
    Literal["auto", "asyncio", "uvloop"],
    typer.Option(help="The event loop; auto: uvloop if it is installed."),
]
Health = Annotated[
    str | None,
    typer.Option(
        "--health",
        metavar="HOST:PORT",
        help="Answer /healthz and /readyz there; :PORT is every interface.",
    ),
]

Reload = Annotated[
    bool, typer.Option("--reload", help="Start again when Python files change; for development.")
]

# When a worker stops by itself.
Once = Annotated[bool, typer.Option("--once", help="Run one job, if there is one, and stop.")]
StopWhenEmpty = Annotated[
    bool, typer.Option("--stop-when-empty", help="Stop when nothing is claimable and nothing runs.")
]
WaitDelayed = Annotated[
    bool,
    typer.Option(
        "--wait-delayed", help="With --stop-when-empty: not while jobs wait for their time."
    ),
]
MaxJobs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after N jobs.")]
MaxTime = Annotated[str | None, typer.Option(metavar="T", help="Stop after a time, such as 1h.")]
Memory = Annotated[
    int | None,
    typer.Option(min=1, metavar="MIB", help="Stop when the process has used so much memory."),
]
