"""Names and durations as they are given on a command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from pgqueue import durations
from pgqueue.errors import ConfigError
from pgqueue.queue import checked_name, named, queue_name


def queues(lists: Sequence[str]) -> list[str]:
    """Read comma-separated queue names, in their order, each once."""
    names = [name.strip() for one in lists for name in one.split(",")]
    if "" in names:
        raise ConfigError(f"--queue {','.join(lists)!r:.80} has an empty name; write a,b,c")
    return list(dict.fromkeys(map(address, names)))


def address(name: str) -> str:
    """Return the name if it can name a queue, or the dead letters of one."""
    with _usage():
        return named(name).name


def queue(name: str) -> str:
    """Return the name if it can name a queue."""
    with _usage():
        return queue_name(name)


def job(name: str | None) -> str | None:
    """Return the name if it can name a job."""
    with _usage():
        return None if name is None else checked_name(name, "job")


def duration(text: str | None, option: str) -> timedelta | None:
    """Read a duration, such as 30s or 1h30m."""
    with _usage():
        return None if text is None else durations.parse(text, field=option)


@contextmanager
def _usage() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from None
