"""What each of our connections is asked once it is made, and what follows from the answer.

Behind a pooler, where the session is not ours, it follows for the client alone: nothing is set.
"""

from __future__ import annotations

import contextlib
import select
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final

import psycopg

from pgqueue.drivers.postgres.statement import load, run

Blocking = psycopg.Connection[Any]
Async = psycopg.AsyncConnection[Any]

SESSION: Final = load("session", lambda pid, committed: (pid, committed))
PLAN_ONCE: Final = load("plan_once", lambda *_: None)
_NOTHING: Final = contextlib.nullcontext()
_LAST_WORDS: Final = ("FATAL", "PANIC")
_READ_COMMITTED: Final = psycopg.IsolationLevel.READ_COMMITTED


async def begin(conn: Async) -> None:
    """Prepare nothing on a connection that leads through a pooler."""
    [(pid, _)] = await run(conn, SESSION, {})
    _begin(conn, pid)


def begin_in_thread(conn: Blocking) -> None:
    """Do the same with a blocking connection."""
    [(pid, _)] = run(conn, SESSION, {})
    _begin(conn, pid)


async def begin_ours(conn: Async) -> None:
    """Also keep plans, and name READ COMMITTED if the role's default is another isolation.

    The guarded plans of our statements are good for any numbers. And skipping locked rows does not
    spare the stricter levels their serialization failures: there they need transactions.
    """
    [(pid, committed)] = await run(conn, SESSION, {})
    _begin(conn, pid)
    if conn.prepare_threshold is not None:
        await run(conn, PLAN_ONCE, {})
    if not committed:
        await conn.set_isolation_level(_READ_COMMITTED)


def begin_ours_in_thread(conn: Blocking) -> None:
    """Do the same with a blocking connection, but for the plans: the keeper's have time."""
    [(pid, committed)] = run(conn, SESSION, {})
    _begin(conn, pid)
    if not committed:
        conn.isolation_level = _READ_COMMITTED


def read_committed(conn: Async) -> AbstractAsyncContextManager[Any]:
    """Run the block's statements as READ COMMITTED, whatever the role's default is."""
    return _NOTHING if conn.isolation_level is None else conn.transaction()


def read_committed_in_thread(conn: Blocking) -> AbstractContextManager[Any]:
    """Do the same on a blocking connection."""
    return _NOTHING if conn.isolation_level is None else conn.transaction()


def pooled(conn: Async | Blocking, pid: int) -> bool:
    """Return whether another process than the one that let us in answers: behind a pooler."""
    return bool(pid != conn.info.backend_pid)


def ended(conn: Async | Blocking) -> bool:
    """Return whether an idle connection was ended from the other side; the server is not asked.

    The server's last words come before it hangs up: who has read them hangs up, too, for no other
    will hear them.
    """
    if conn.closed:
        return True
    looking = select.poll()
    looking.register(conn.pgconn.socket, select.POLLIN)
    return bool(looking.poll(0)) and _said_goodbye(conn, looking)


def _said_goodbye(conn: Async | Blocking, looking: select.poll) -> bool:
    severities = set()

    def hear(word: psycopg.errors.Diagnostic) -> None:
        severities.add(word.severity_nonlocalized)  # libpq takes the rest away again

    conn.add_notice_handler(hear)
    try:
        while looking.poll(0):
            conn.pgconn.consume_input()
            conn.pgconn.is_busy()  # libpq hands out what it has read
    except psycopg.Error:
        return True
    finally:
        conn.remove_notice_handler(hear)
    if severities.isdisjoint(_LAST_WORDS):
        return False
    conn.pgconn.finish()
    return True


def _begin(conn: Async | Blocking, pid: int) -> None:
    # A pooler's server connections change with every transaction, and what is prepared stays
    # with one of them.
    if pooled(conn, pid):
        conn.prepare_threshold = None
