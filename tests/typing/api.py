"""What the type checkers accept and what they refuse; checked by both of them, never executed.

A line that must be an error carries an ignore comment for each checker, and both complain about
one that ignores nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, assert_type

import psycopg

from pgqueue import (
    DeadLetter,
    Discard,
    Ids,
    Job,
    JobProducer,
    Memory,
    Postgres,
    Processors,
    Pushed,
    Queue,
    Redrive,
    Sync,
    Topic,
    Unique,
    Worker,
    exponential,
)
from pgqueue.queue import DeadQueue


@dataclass(frozen=True)
class Transcode:
    """A payload."""

    file: str


@dataclass(frozen=True)
class Invoice:
    """Another payload."""

    number: int


class Clip(TypedDict):
    """A payload that is a dict."""

    file: str


AUDIO = Queue("audio", Transcode)
CLIPS = Queue("clips", Clip)
ANYTHING = Queue("anything")
SONGS = Topic("song.added", Transcode)
SONG = Transcode("a.mp3")

assert_type(AUDIO, Queue[Transcode])
assert_type(CLIPS, Queue[Clip])
assert_type(ANYTHING, Queue[Any])
assert_type(Queue("numbers", list[int]), Queue[list[int]])


def push_blocking(pg: Postgres, conn: psycopg.Connection[Any]) -> None:
    """A blocking connection gives the id at once."""
    assert_type(pg.push(AUDIO, SONG, on=conn), Pushed)
    assert_type(pg.push_many(AUDIO, (SONG for _ in "ab"), on=conn), Ids)
    assert_type(pg.push(CLIPS, Clip(file="a"), on=conn), Pushed)
    assert_type(pg.push("audio", {"file": "a"}, on=conn), Pushed)
    assert_type(pg.push(ANYTHING, object(), on=conn), Pushed)


async def push_awaited(pg: Postgres, conn: psycopg.AsyncConnection[Any]) -> None:
    """An async connection, or none, gives something to await."""
    assert_type(pg.push(AUDIO, SONG, on=conn), Awaitable[Pushed])
    assert_type(pg.push(AUDIO, SONG), Awaitable[Pushed])
    assert_type(await pg.push(AUDIO, SONG), Pushed)
    assert_type(pg.push_many(AUDIO, [SONG], on=conn), Awaitable[Ids])
    assert_type(await pg.push_many(AUDIO, [SONG]), Ids)


def push_options(pg: Postgres, conn: psycopg.Connection[Any]) -> None:
    """The options are known by name and type."""
    pg.push(AUDIO, SONG, on=conn, name="hi-fi", priority=0, attempts=3, backoff=exponential("5s"))
    pg.push(AUDIO, SONG, on=conn, delay=timedelta(minutes=5), expires_in="1h", timeout=30.5)
    pg.push(AUDIO, SONG, on=conn, run_at=datetime.now(), notify=False, carrier={"baggage": "a=1"})
    pg.push(AUDIO, SONG, on=conn, unique=Unique("a.mp3", within="1h"))
    pg.push_many(AUDIO, [SONG], on=conn, unique=lambda song: song.file, progress=print)
    pg.push_many(AUDIO, [SONG], on=conn, unique="a")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push(AUDIO, SONG, on=conn, retries=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    pg.push(AUDIO, SONG, on=conn, priority="high")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push(AUDIO, SONG, on=conn, backoff=60)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push_many(AUDIO, [SONG], on=conn, dealy=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def push_wrong(pg: Postgres, conn: psycopg.Connection[Any]) -> None:
    """A queue carries one type."""
    pg.push(AUDIO, Invoice(1), on=conn)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push(AUDIO, {"file": "a"}, on=conn)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push(AUDIO, [SONG], on=conn)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push_many(AUDIO, [Invoice(1)], on=conn)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push_many(AUDIO, SONG, on=conn)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push(AUDIO, Invoice(1))  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    pg.push(AUDIO, SONG, on="dsn")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push(7, SONG, on=conn)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def publish(pg: Postgres, conn: psycopg.Connection[Any]) -> None:
    """A topic carries one type, and the connection colours the call."""
    assert_type(SONGS.queue, Queue[Transcode])
    assert_type(pg.publish(SONGS, SONG, on=conn, delay="5m"), Sequence[Pushed])
    assert_type(await pg.publish(SONGS, SONG), Sequence[Pushed])
    assert_type(await pg.publish("song.added", {"file": "a"}), Sequence[Pushed])
    assert_type(pg.dispatch(SONG, on=conn), Sequence[Pushed])
    assert_type(await pg.dispatch(SONG), Sequence[Pushed])
    pg.publish(SONGS, Invoice(1), on=conn)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.publish(AUDIO, SONG, on=conn)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    pg.push(SONGS, SONG, on=conn)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


processors = Processors()


@processors.process(AUDIO)
async def async_of_payload(job: Transcode) -> None:
    """Runs on the event loop."""


@processors.process(AUDIO, name="job", concurrency=5, retries=3, timeout="60s")
async def async_of_job(job: Job[Transcode]) -> None:
    """Sees its attempt."""
    assert_type(job.payload, Transcode)
    assert_type(job.attempt, int)
    assert_type(job.name, str | None)


@processors.process(AUDIO, name="sync", backoff=exponential(2, cap=600))
def sync_of_payload(job: Transcode) -> int:
    """Runs on a thread."""
    return 1


@processors.process(AUDIO, name="sync-job", backoff=lambda failures: timedelta(hours=failures))
def sync_of_job(job: Job[Transcode]) -> int:
    """Runs on a thread, too."""
    return 1


@processors.process("audio", name="bare")
async def of_a_bare_name(job: Invoice) -> None:
    """A plain name knows no type, and leaves the function as it is."""


@processors.process(ANYTHING)
def of_anything(job: Invoice) -> None:
    """A queue without a type takes any handler."""


class Studio:
    """Handlers may be methods."""

    @processors.process(AUDIO, name="method")
    async def record(self, job: Transcode) -> None:
        """Takes the payload."""

    @processors.process(AUDIO, name="method-job")
    def mix(self, job: Job[Transcode]) -> int:
        """Takes the job."""
        return 1


async def called_directly(job: Job[Transcode]) -> None:
    """A handler is still the function that it was."""
    assert_type(await async_of_payload(SONG), None)
    assert_type(await async_of_job(job), None)
    assert_type(sync_of_payload, Callable[[Transcode], int])
    assert_type(sync_of_job, Callable[[Job[Transcode]], int])
    assert_type(await of_a_bare_name(job=Invoice(1)), None)
    assert_type(await Studio().record(SONG), None)
    assert_type(Studio().mix(job), int)
    sync_of_payload(Invoice(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sync_of_job(SONG)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@processors.process(AUDIO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
async def of_another_type(job: Invoice) -> None:
    """Must be refused."""


@processors.process(AUDIO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
def of_a_job_of_another_type(job: Job[Invoice]) -> None:
    """Must be refused."""


@processors.process(AUDIO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
def of_nothing() -> None:
    """Must be refused."""


@processors.process(AUDIO, retry=3)  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue]
def with_an_unknown_option(job: Transcode) -> None:
    """Must be refused."""


@processors.process("audio", concurrency="5")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType, reportCallIssue]
def with_an_option_of_another_type(job: Transcode) -> None:
    """Must be refused."""


@processors.process(AUDIO.dead, attempts=3, dead_success="discard")
async def mourner(job: Job[Transcode]) -> Redrive | Discard | None:
    """Handles a dead letter of the queue's type."""
    assert_type(job.dead, DeadLetter | None)
    return Redrive(delay="5m", queue=AUDIO) if job.attempt == 1 else Discard()


@processors.process(AUDIO.dead, name="payload")
def mourner_of_payload(job: Transcode) -> None:
    """Runs on a thread."""


@processors.process(AUDIO.dead, name="raw")
def mourner_of_anything(job: Job[Any]) -> None:
    """Takes what cannot be decoded, too."""


@processors.process(AUDIO.dead, name="wrong")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
def mourner_of_another_type(job: Invoice) -> None:
    """Must be refused."""


def dead_addresses(pg: Postgres, conn: psycopg.Connection[Any]) -> None:
    """A queue's dead letters have an address of its type, to which nobody pushes."""
    assert_type(AUDIO.dead, DeadQueue[Transcode])
    assert_type(Queue("a", Transcode, dead_letter="a.failed").dead, DeadQueue[Transcode])
    pg.push(AUDIO.dead, SONG, on=conn)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


@processors.subscribe(SONGS, queue="index", attempts=3, dead_letter="index.failed")
async def subscriber(job: Job[Transcode]) -> None:
    """Receives the topic's type."""


@processors.listen(Transcode)
@processors.listen(Transcode, queue="index", timeout="5s")
def listener(event: Transcode) -> None:
    """Hears it twice, each time in its own way."""


@processors.subscribe(SONGS, queue="index")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
async def subscriber_of_another_type(event: Invoice) -> None:
    """Must be refused."""


@processors.subscribe(SONGS)  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue]
async def subscriber_without_a_queue(event: Transcode) -> None:
    """Must be refused."""


@processors.listen(Transcode)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
def listener_of_another_type(event: Invoice) -> None:
    """Must be refused."""


class OneMethod:
    """A driver of somebody else's."""

    async def push_json(self, queue: str, payload: Any, /, **options: Any) -> str:
        """Push."""
        return "1"


def service(jobs: JobProducer) -> None:
    """Something that pushes."""


async def any_driver(pg: Postgres, memory: Memory, sync: Sync) -> None:
    """A service takes each of them, and so does a worker."""
    service(pg)
    service(memory)
    service(sync)
    service(OneMethod())
    service(processors)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Worker(pg, include=[processors])
    Worker(memory, include=[processors])
    Worker(sync, include=[processors])
    Worker(OneMethod(), include=[processors])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(await pg.push_json("audio", {"file": "a"}), int)
    assert_type(await memory.push_json("audio", {"file": "a"}), int)
    await memory.push(AUDIO, SONG, delay="5m")
    await sync.push_many(AUDIO, [SONG])
    await memory.push(AUDIO, Invoice(1))  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
