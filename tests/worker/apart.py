"""Handlers that run in processes of their own, for tests; what they did is in files and tables."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import re
import signal
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from pgqueue import Abort, Discard, Job, Processors, Queue, RetryAfter, Snooze, current_job


@dataclass(frozen=True)
class Order:
    """What a handler is to do: a word, and whatever that needs."""

    word: str
    file: str = ""


class Unsendable(Exception):
    """It cannot be made again from its arguments, and holds what cannot be pickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first}, {second}")
        self.held = lambda: None


class Bare(BaseException):
    """Nobody's subclass."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


Hostile = type("Hos\ntile" * 10_000, (Exception,), {})

USER: ContextVar[str] = ContextVar("USER", default="nobody")
ORDERS = Queue("orders", Order)
LATER = Queue("later", Order)
ONCE = Queue("once", Order)
PLAIN = Queue("plain", Order)
LIMITED = Queue("limited", Order)
BROKEN = Queue("broken", Order)
processors = Processors()


def raised(word: str) -> BaseException:
    """Return the exception of that name."""
    made: dict[str, BaseException] = {
        "Abort": Abort("no such file"),
        "RetryAfter": RetryAfter("1h", "busy there"),
        "Snooze": Snooze("1h"),
        "Unsendable": Unsendable("half", "told"),
        "group": ExceptionGroup("several", [ValueError("one"), KeyError("two")]),
        "large": ValueError("é" * 10**7),
        "Hostile": Hostile("no more"),
    }
    named = {one.__name__: one for one in (Bare, Unprintable, asyncio.CancelledError)}
    if word in made:
        return made[word]
    kind = named.get(word) or getattr(__import__("builtins"), word)
    assert isinstance(kind, type)
    error: object = kind("no more")
    assert isinstance(error, BaseException)
    return error


def obey(job: Job[Order]) -> None:
    """Do what the payload says."""
    order = job.payload
    match order.word:
        case "write":
            with Path(order.file).open("a") as file:
                ours = current_job()
                file.write(f"{ours.id} {ours.attempt} {os.getpid()} {USER.get()}\n")
            USER.set("somebody")
        case "wait":
            Path(order.file).write_text(str(os.getpid()))
            time.sleep(600)
        case "until":
            Path(order.file).write_text(str(os.getpid()))
            while not Path(f"{order.file}.go").exists():
                time.sleep(0.01)
        case "heed":
            Path(order.file).write_text(str(os.getpid()))
            assert job.stopping.wait(60)
            Path(order.file).write_text("heeded")
        case "backtrack":
            Path(order.file).write_text(str(os.getpid()))
            re.match(r"(a|a)*b", "a" * 64)
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "transaction":
            job.transaction()
        case "connection":
            job.connection()
        case "log":
            logging.getLogger("app").warning("a handler's own line")
            print("printed", file=sys.stderr)
        case word:
            raise raised(word)


@processors.process(ORDERS, run="process", attempts=2)
def run(job: Job[Order]) -> None:
    """Run in a process."""
    obey(job)


@processors.process(LATER, run="process", attempts=2)
async def run_async(job: Job[Order]) -> None:
    """Run on an event loop of its own in a process."""
    await asyncio.sleep(0)
    obey(job)


@processors.process(ONCE, run="process", recycle=2)
def run_once(job: Job[Order]) -> None:
    """Run in a process that is replaced after two jobs."""
    obey(job)


@processors.process(PLAIN, run="process", attempts=1)
def take_payload(order: Order) -> None:
    """Take the payload alone."""
    assert type(order) is Order
    Path(order.file).write_text(f"{order.word} {current_job().id}")


@processors.process(BROKEN, run="process", fail_on=(KeyError,))
def fail(order: Order) -> None:
    """Fail for good, by a type that travels."""
    raise KeyError(order.word)


@processors.process(BROKEN.dead, run="process")
def mend(job: Job[Order]) -> Discard | None:
    """Say what becomes of a dead letter, from another process."""
    assert job.dead is not None
    return Discard() if job.payload.word == job.dead.failures[-1].error.split("'")[1] else None


@processors.process(LIMITED, run="process", attempts=1, timeout="3s")
def run_for_some_seconds(job: Job[Order]) -> None:
    """Run in a process, and not for long."""
    obey(job)
