"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Json = Annotated[bool, typer.Option("--json", help="JSON Lines, for programs.")]
