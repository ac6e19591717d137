"""Keeps the leases of running attempts from lapsing, also while a handler blocks the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Protocol

from pgqueue.errors import Unavailable
from pgqueue.seam import Extend, JobSource, Lease
from pgqueue.worker.pulse import Pulse
from pgqueue.worker.stamp import Stamp

# An answer that takes longer than a quarter of the lease is not waited for, if that is this long.
_LEAST_PATIENCE = 5.0


class Held(Protocol):
    """A running attempt, as far as its lease is concerned."""

    leased_at: float

    @property
    def lease(self) -> Lease:
        """What to extend."""
        ...


class Keeper:
    """Extends leases that are past their half: short jobs never pay for it.

    It works in a thread with a connection of its own, for on the event loop the very handlers
    that take long would hold it up. The thread also notices when the loop stands still.
    """

    def __init__(
        self,
        source: JobSource,
        held: Callable[[], Sequence[Held]],
        lost: Callable[[Lease], None],
        *,
        lease: timedelta,
        heartbeat: timedelta,
    ) -> None:
        self._source = source
        self._held = held
        self._lost = lost
        self._lease = lease
        self._heartbeat = heartbeat.total_seconds()
        self._patience = max(lease.total_seconds() / 4, _LEAST_PATIENCE)
        self._stopping = threading.Event()
        self._watch: _Watch | None = None
        self.stamp = Stamp("Keeper", self._heartbeat)

    def stop(self) -> None:
        """Extend no more."""
        self._stopping.set()
        if self._watch is not None:
            self._watch.left.set()

    async def run(self) -> None:
        """Extend what needs it, at every beat."""
        if self._stopping.is_set():
            return
        self._watch = watch = _Watch(asyncio.get_running_loop())
        # A daemon: a worker that stops does not wait for a connection that hangs.
        thread = threading.Thread(target=self._work, args=[watch], name="pgqueue-keeper")
        thread.daemon = True
        thread.start()
        try:
            while not watch.ended.done():
                await asyncio.wait([watch.ended], timeout=self._heartbeat)
                watch.check(self._patience)
            watch.ended.result()
        finally:
            watch.left.set()

    def _work(self, watch: _Watch) -> None:
        error: Exception | None = None
        try:
            with self._source.extender() as extend:
                self._keep(extend, watch)
        except Exception as raised:
            error = raised
        watch.tell(watch.end, error)

    def _keep(self, extend: Extend, watch: _Watch) -> None:
        pulse = Pulse(watch.tell, watch.thread)
        watch.asked = None
        self.stamp.renew()
        while not watch.left.wait(self._heartbeat):
            half = monotonic() - self._lease.total_seconds() / 2
            aging = [attempt for attempt in self._held() if attempt.leased_at <= half]
            if aging:
                self._extend(extend, aging, watch)
            self.stamp.renew()
            pulse.check()

    def _extend(self, extend: Extend, aging: Sequence[Held], watch: _Watch) -> None:
        watch.asked = asked = monotonic()
        kept = extend([one.lease for one in aging], self._lease)
        watch.asked = None
        if watch.left.is_set():  # an answer that was given up: another thread has asked since
            return
        for attempt in aging:
            if attempt.lease.job not in kept:
                watch.tell(self._lost, attempt.lease)
            elif kept[attempt.lease.job]:
                attempt.leased_at = asked


class _Watch:
    """One run of the thread, seen from the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.thread = threading.get_ident()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.left = threading.Event()
        self.asked: float | None = monotonic()

    def tell(self, call: Callable[..., None], *arguments: object) -> None:
        """Have the loop call something, unless nobody is there to hear it any more."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *arguments)

    def end(self, error: Exception | None) -> None:
        """Take the thread's end down."""
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    def check(self, patience: float) -> None:
        """Give the thread up if the storage does not answer it; it ends when that does."""
        asked = self.asked
        if asked is not None and not self.ended.done() and monotonic() - asked > patience:
            raise Unavailable(f"no answer to the extension of leases within {patience:.0f} s")
