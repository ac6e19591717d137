"""Where a command's settings come from: its options, the environment, and `.env`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pgqueue.config import Config
from pgqueue.dotenv import read_dotenv


def config(connection: str | None = None, **options: str | None) -> Config:
    """Return the settings of a command that talks to the database itself."""
    return Config.load(connection=connection, dotenv=dotenv(), **given(**options))


def given(**options: Any) -> dict[str, Any]:
    """Return those options that are on the command line."""
    return {name: value for name, value in options.items() if value is not None}


def into_environment(dsn: str | None) -> None:
    """Hand the settings to an application that is about to be imported."""
    for name, value in dotenv().items():
        os.environ.setdefault(name, value)
    if dsn is not None:
        os.environ["PGQUEUE_DSN"] = dsn


def dotenv() -> dict[str, str]:
    """Read the working directory's `.env`, if there is one."""
    path = Path(".env")
    return read_dotenv(path) if path.is_file() else {}
