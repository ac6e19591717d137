"""The demo from its first line to its last."""

from __future__ import annotations

import logging
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import psycopg
from pgqueue_migrations import upgrade

from pgqueue.devserver import DevServer
from pgqueue_cli.demo import corpus, ledger
from pgqueue_cli.demo.account import Done, Line, account, complaints
from pgqueue_cli.demo.app import RETRIES
from pgqueue_cli.demo.errors import DemoError
from pgqueue_cli.demo.ledger import Connection
from pgqueue_cli.demo.screen import Screen
from pgqueue_cli.demo.watch import drained, killed_at_work
from pgqueue_cli.demo.workers import COMMAND, SETTINGS, dead_list, two_workers

NEXT = """
The server and its data are gone. To go on:
  pgqueue dev       the same server, but it keeps its data: for your application
  pgqueue --help    push, work, look at the dead, migrate
  README            a queue, a processor and a worker in ten lines
"""


def tell() -> int:
    """Show it all, and return the exit code: 0 only if the account adds up."""
    # A rollback that a signal has interrupted is no news to whoever sent the signal.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    screen = Screen()
    started = monotonic()
    try:
        with _stoppable():
            lines = _perform(screen)
    except KeyboardInterrupt:
        screen.say("\nStopped: workers, server and files are gone.")
        return 130
    wrong = complaints(lines)
    for complaint in wrong:
        print(f"pgqueue demo: {complaint}", file=sys.stderr)
    if not wrong:
        screen.say(NEXT)
        screen.say(f"Everything adds up, after {monotonic() - started:.1f} s.", style="bold green")
    return 1 if wrong else 0


def _perform(screen: Screen) -> list[Line]:
    screen.title(f"pgqueue indexes the standard library of Python {platform.python_version()}")
    with (
        DevServer.throwaway() as server,
        tempfile.TemporaryDirectory(prefix="pgqueue-demo-") as name,
        psycopg.connect(server.dsn, autocommit=True) as conn,
    ):
        upgrade(server.dsn)
        ledger.create_tables(conn)
        screen.step("server", f"PostgreSQL {server.version}, for this demo only, and migrated")
        return _index(screen, conn, server.dsn, Path(name))


def _index(screen: Screen, conn: Connection, dsn: str, folder: Path) -> list[Line]:
    library, broken = corpus.standard_library(), corpus.write_broken(folder)
    jobs = _push(screen, conn, [*library, *broken])
    with two_workers(dsn, folder) as (first, second):
        screen.step("workers", f"{first.pid} and {second.pid}: pgqueue {' '.join(COMMAND)}")
        with screen.progress("indexing", len(jobs)) as show:
            held = killed_at_work(first, second, conn, len(jobs), show)
            screen.step(
                "killed",
                f"worker {first.pid}, by SIGKILL: it held {len(held)} jobs, which the other may "
                f"take when their leases of {SETTINGS['PGQUEUE_LEASE']} lapse",
            )
            drained(second, conn, len(jobs), show)
        failures = _dead(screen, conn)
        screen.command("pgqueue dead list", dead_list(dsn))
        _redrive(screen, conn, jobs[folder / corpus.MENDABLE], folder / corpus.MENDABLE)
        with screen.progress("indexing", len(jobs)) as show:
            drained(second, conn, len(jobs), show)
        second.stop()
    done = Done(
        library=len(library),
        broken=len(broken),
        retries_each=RETRIES,
        jobs=list(jobs.values()),
        exits=[code for one in (first, second) if (code := one.exit_code) is not None],
        held=held,
        failures=failures,
        mended=1,
    )
    lines = account(done, ledger.count(conn, killed=first.pid, jobs=held))
    screen.account(lines)
    screen.sql(*ledger.dead_by_sql(conn))
    return lines


def _push(screen: Screen, conn: Connection, paths: Sequence[Path]) -> dict[Path, int]:
    jobs = {}
    with screen.progress("pushing", len(paths)) as show:
        for path in paths:
            jobs[path] = ledger.push(conn, path)
            show(len(jobs))
    screen.step(
        "pushed",
        f"{len(jobs)} files, {len(corpus.BROKEN)} of them broken on purpose; "
        "each one's row and job in one transaction",
    )
    return jobs


def _dead(screen: Screen, conn: Connection) -> list[int]:
    """Show the dead letters, and return how many runs of each have failed."""
    letters = ledger.dead_letters(conn)
    for letter in letters:
        error = letter.failures[-1].error if letter.failures else "no failure is kept"
        screen.step("dead", f"job {letter.id} ran {letter.attempt} times: {error}")
    return [len(letter.failures) for letter in letters]


def _redrive(screen: Screen, conn: Connection, job: int, path: Path) -> None:
    corpus.mend(path)
    if not ledger.redrive(conn, job):
        raise DemoError(f"job {job} ({path.name}) should have died and could not be redriven")
    screen.step("redriven", f"{path.name} is mended: pg.dead.redrive({job})")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM and the end of the terminal unwind as Ctrl-C does, so that all is cleaned up."""

    def unwind(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, unwind) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
