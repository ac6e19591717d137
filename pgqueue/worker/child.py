"""What runs in a process of `Children`: one job after another, until the worker ends."""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import os
import pickle
import signal
import socket
import struct
import sys
import threading
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Final, Never

from pgqueue.errors import UnsupportedOption
from pgqueue.importable import found
from pgqueue.job import Job, enter_job
from pgqueue.outcome import Failure

LENGTH: Final = struct.Struct(">Q")
_LARGEST_ERROR: Final = 64 * 1024
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Task:
    """A handler to look up, and, if it is to be called, the pickled job for it."""

    module: str
    qualname: str
    takes_job: bool = False
    job: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a task; what was raised is described, for not every exception can travel."""

    value: Any = None
    failure: Failure | None = None
    kind: bytes | None = None
    error: bytes | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """What a job can be lent in a process of its own: nothing of the worker's."""

    stopping: Any = None

    def transaction(self) -> Never:
        """Refuse."""
        _refuse("job.transaction()")

    def connection(self) -> Never:
        """Refuse."""
        _refuse("job.connection()")


def frame(message: bytes) -> bytes:
    """Return a message as it goes over the line; an empty one says that the worker is stopping."""
    return LENGTH.pack(len(message)) + message


def main(descriptor: int) -> None:
    """Run the tasks that come over a socket."""
    _let_the_worker_decide()
    stopping = threading.Event()
    tasks: SimpleQueue[Task] = SimpleQueue()
    line = socket.socket(fileno=descriptor)
    line.set_inheritable(False)
    threading.Thread(target=_listen, args=(line, tasks, stopping), daemon=True).start()
    while True:
        line.sendall(frame(pickle.dumps(_run(tasks.get(), Away(stopping)))))


def _let_the_worker_decide() -> None:
    """Survive signals to the process group, which drain the worker, and no end of the worker."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not SIG_IGN: programs that a handler starts would inherit it.
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
    if sys.platform == "linux":
        # The line's end is noticed by a thread, and C code may keep that from running for hours.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(line: socket.socket, tasks: SimpleQueue[Task], stopping: threading.Event) -> None:
    with line.makefile("rb") as stream:
        while header := stream.read(LENGTH.size):
            message = stream.read(LENGTH.unpack(header)[0])
            if message:
                tasks.put(pickle.loads(message))  # noqa: S301 - by our own worker
            else:
                stopping.set()
    os._exit(0)


def _run(task: Task, lent: Away) -> Reply:
    try:
        return Reply(contextvars.Context().run(_call, task, lent))
    except BaseException as error:
        return _described(error)


def _call(task: Task, lent: Away) -> Any:
    handler = found(task.module, task.qualname)
    if task.job is None:
        return None
    job: Job[Any] = replace(pickle.loads(task.job), lent=lent)  # noqa: S301 - by our own worker
    enter_job(job)
    value = handler(job if task.takes_job else job.payload)
    if asyncio.iscoroutine(value):
        value = asyncio.run(value)
    # Only what is said to the worker: a result matters to nobody else, and may be large.
    return value if type(value).__module__.startswith("pgqueue.") else None


def _described(error: BaseException) -> Reply:
    whole = _pickled(error)
    if whole is not None and len(whole) > _LARGEST_ERROR:
        whole = None
    return Reply(failure=Failure.of(error), kind=_pickled(type(error)), error=whole)


def _pickled(value: object) -> bytes | None:
    try:
        return pickle.dumps(value)
    except BaseException:  # it runs code of the application's
        return None


def _refuse(what: str) -> Never:
    raise UnsupportedOption(
        f'{what} is not there in a processor with run="process": the worker\'s connections cannot '
        "leave its process; open one of your own, or let the handler run on a thread"
    )
