"""The `pgqueue` command: its parts, and how its failures are told."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Annotated

import typer

from pgqueue_cli import bench, dead, demo, dev, migrate, processors, push, stats, work

# How long threads and exit hooks that the application left behind may still take.
_PATIENCE = 3.0

app = typer.Typer(
    name="pgqueue",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
app.command("work")(work.work)
app.command("push")(push.push)
app.command("processors")(processors.processors)
app.command("migrate")(migrate.migrate)
app.add_typer(dead.app)
app.command("stats")(stats.stats)
app.command("bench")(bench.bench)
app.command("dev")(dev.dev)
app.command("demo")(demo.demo)


@app.command("version")
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    print(f"pgqueue {installed('pgqueue-driver')}")


def _shown(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_shown, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Jobs in PostgreSQL: run them, push them, look at the dead ones."""


def main() -> None:
    """Run the command line; a failure that pgqueue knows is one line and an exit code."""
    code = 1
    try:
        code = _run()
    finally:
        _leave_within(_PATIENCE, code)
    sys.exit(code)


def _run() -> int:
    # A name from the database must not stop a listing on a terminal that cannot show it.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        from pgqueue_cli.terminal import visible

        print(f"pgqueue: {visible(' '.join(str(error).split()))}", file=sys.stderr)
        return code
    return 0


def _exit_code(error: Exception) -> int | None:
    from pgqueue_migrations import MigrationError

    from pgqueue.errors import ConfigError, PgqueueError, RegistrationError, SchemaError

    match error:
        case SchemaError():
            return 3
        case ConfigError() | RegistrationError():
            return 2
        case PgqueueError() | MigrationError():
            return 1
        case _:
            return None


def _leave_within(seconds: float, code: int) -> None:
    """See to it that a thread which is stuck in its handler does not keep the process."""

    def leave() -> None:
        logging.getLogger("pgqueue.worker").warning("left with threads still running")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
