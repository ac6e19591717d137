"""What the demo asks its database, and what it writes there itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from pgqueue.letters import DeadJob
from pgqueue_cli.demo.account import Counted
from pgqueue_cli.demo.app import SOURCES, Source, pg

Connection = psycopg.Connection[Any]

# A worker's label, in jobs and in the names of its connections, has the process id in it.
HELD = """
select id from pgqueue.jobs
where split_part(worker, ':', 2) = %s::text and lease is not null and visible_at > now()
"""
CONNECTED = "select from pg_stat_activity where split_part(application_name, ':', 4) = %s::text"
# A dead letter that its processor has not seen yet is work, too.
UNFINISHED = """
select (select count(*) from pgqueue.jobs) + (select count(*) from pgqueue.scheduled_jobs)
  + (select count(*) from pgqueue.dead_jobs where handled_at is null)
"""

DEAD = """select id, reason, failures -> -1 ->> 'error' as error
from pgqueue.dead_jobs order by id;"""


def create_tables(conn: Connection) -> None:
    """Make the schema `demo`, which is the application's, not pgqueue's."""
    conn.execute(_script("schema.sql"))


def push(conn: Connection, path: Path) -> int:
    """Commit a row of our own and the job for it, together; return the job's id."""
    with conn.transaction():
        [(file,)] = conn.execute(
            "insert into demo.files (path, bytes) values (%s, %s) returning id",
            (str(path), path.stat().st_size),
        )
        return pg.push(SOURCES, Source(file=file, path=str(path)), on=conn)


def held(conn: Connection, pid: int) -> list[int]:
    """Return the jobs that the worker of this process has under lease."""
    return [job for (job,) in conn.execute(HELD, [pid])]


def is_connected(conn: Connection, pid: int) -> bool:
    """Whether the server still serves a connection of this worker."""
    return conn.execute(CONNECTED, [pid]).rowcount > 0


def unfinished(conn: Connection) -> int:
    """Return how many jobs still have to run."""
    [(count,)] = conn.execute(UNFINISHED)
    return int(count)


def dead_letters(conn: Connection) -> list[DeadJob]:
    """Return every dead letter with its failures, the first job first."""
    letters = [pg.dead.get(summary.id, on=conn) for summary in pg.dead.list(on=conn)]
    return sorted(filter(None, letters), key=lambda letter: letter.id)


def dead_by_sql(conn: Connection) -> tuple[str, list[str], list[tuple[Any, ...]]]:
    """Return the statement that shows the dead, its columns, and its rows as they are now."""
    cursor = conn.execute(DEAD)
    return DEAD, [column.name for column in cursor.description or ()], cursor.fetchall()


def redrive(conn: Connection, job: int) -> bool:
    """Make a dead job run again."""
    return bool(pg.dead.redrive(job, on=conn))


def count(conn: Connection, *, killed: int, jobs: Sequence[int]) -> Counted:
    """Count everything, given the worker that was killed and the jobs that it then held."""
    with conn.cursor(row_factory=class_row(Counted)) as cursor:
        [counted] = cursor.execute(_script("count.sql"), {"killed": killed, "held": list(jobs)})
    return counted


def _script(name: str) -> bytes:
    return (files(__package__) / name).read_bytes()
