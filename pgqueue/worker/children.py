"""Processes for `run="process"` handlers: each runs one job at a time, and may die of it."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any, Final

from pgqueue.errors import ChildDied
from pgqueue.job import Job
from pgqueue.processor import Processor
from pgqueue.worker.child import LENGTH, Away, Reply, Task, frame
from pgqueue.worker.rebuilt import rebuilt

# After so many jobs a process makes room for a new one, unless its processor says otherwise.
_RECYCLE: Final = 1000
# Importing the application counts; a process that is not ready by then never will be.
_START_WITHIN: Final = 120.0
_LOOK_AGAIN: Final = 0.5
_END_WITHIN: Final = 5.0
_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from pgqueue.worker.child import main; main(int(sys.argv.pop(1)))"
)


class Children:
    """Runs handlers in processes of their own; how many at once is up to the caller's slots.

    They are started anew, not forked, and kept for the next job. They end with the worker.
    """

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()

    async def prepare(self, processor: Processor) -> None:
        """Have a process ready that knows a handler: its start is not on the job's time."""
        place = _place(processor)
        if any(place in child.known and child.lives for child in self._idle):
            return
        child = await self._take(place)
        with self._killed_by_any_error(child):
            try:
                async with asyncio.timeout(_START_WITHIN):
                    reply = await child.ask(Task(*place), threading.Event())
            except TimeoutError:
                raise ChildDied(
                    f"its process could not import {place[0]} within {_START_WITHIN:.0f} s"
                ) from None
        self._idle.append(child)
        if reply.failure is not None:
            raise rebuilt(reply, reply.failure)
        child.known.add(place)

    async def run(self, processor: Processor, job: Job[Any]) -> Any:
        """Run a job in a process, which is killed if the caller is cancelled."""
        place = _place(processor)
        sent = pickle.dumps(replace(job, lent=Away()))
        child = await self._take(place)
        try:
            with self._killed_by_any_error(child):
                reply = await child.ask(Task(*place, processor.takes_job, sent), job.stopping)
        except asyncio.CancelledError:
            await child.exit_code()  # the attempt is over when its process is gone
            raise
        child.jobs += 1
        if child.jobs < (processor.recycle or _RECYCLE):
            self._idle.append(child)
        else:
            self._kill(child)
        if reply.failure is not None:
            raise rebuilt(reply, reply.failure)
        return reply.value

    def close(self) -> None:
        """Kill them all, and what runs in them."""
        self._idle.clear()
        for child in list(self._all):
            self._kill(child)

    async def _take(self, place: tuple[str, str]) -> _Child:
        """Return one that waits, best one that knows the handler, or start another."""
        for child in [one for one in self._idle if not one.lives]:
            self._idle.remove(child)
            self._kill(child)
        known = [child for child in self._idle if place in child.known] or self._idle
        if known:
            child = known[-1]
            self._idle.remove(child)
            return child
        child = await _Child.start()
        self._all.add(child)
        return child

    @contextlib.contextmanager
    def _killed_by_any_error(self, child: _Child) -> Any:
        try:
            yield
        except BaseException:
            self._kill(child)
            raise

    def _kill(self, child: _Child) -> None:
        self._all.discard(child)
        child.kill()


class _Child:
    """One process, and the line to it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self.known: set[tuple[str, str]] = set()
        self.jobs = 0

    @classmethod
    async def start(cls) -> _Child:
        """Start a process; it has the module path of this one."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = _started([str(theirs.fileno()), *sys.path], theirs.fileno())
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            process.kill()
            ours.close()
            raise
        return cls(process, reader, writer)

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    async def ask(self, task: Task, stopping: threading.Event) -> Reply:
        """Send a task and wait for what becomes of it; ChildDied if the process ends instead."""
        self._writer.write(frame(pickle.dumps(task)))
        reply = asyncio.create_task(self._receive())
        told = False
        try:
            while not reply.done():
                await asyncio.wait([reply], timeout=_LOOK_AGAIN)
                # A process that a handler has forked may keep the line open after the end of ours.
                if not self.lives:
                    await asyncio.wait([reply], timeout=_LOOK_AGAIN)
                    break
                if stopping.is_set() and not told:
                    told = True
                    self._writer.write(frame(b""))
        finally:
            reply.cancel()
        if reply.done() and (received := reply.result()) is not None:
            return received
        raise ChildDied(_obituary(await self.exit_code()))

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._writer.close()

    async def exit_code(self) -> int | None:
        """Return how it has ended; None if it does not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _END_WITHIN)
        return self._process.poll()

    async def _receive(self) -> Reply | None:
        try:
            [length] = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            message = await self._reader.readexactly(length)
        except (EOFError, OSError):
            return None
        received = pickle.loads(message)  # noqa: S301 - by our own process
        assert isinstance(received, Reply)
        return received


def _started(arguments: list[str], line: int) -> subprocess.Popen[bytes]:
    # Blocked until the process can say what they mean to it: nothing.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", _BOOT, *arguments], pass_fds=[line], stdin=subprocess.DEVNULL
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _place(processor: Processor) -> tuple[str, str]:
    return processor.handler.__module__, processor.handler.__qualname__


def _obituary(code: int | None) -> str:
    if code is None:
        return "its process has hung up, and does not end"
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"its process was killed by {name}"
