"""What the stamps of all services say together, and the alarm when one stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from pgqueue.errors import PgqueueError
from pgqueue.health import Health
from pgqueue.seam import JobSource, Watching
from pgqueue.worker import bulletin
from pgqueue.worker.stamp import Stamp

_LOOK_EVERY = 1.0
# So many intervals without progress, and so many seconds beside what a connection may take, are no
# slow database any more: every statement has a deadline well below.
_FROZEN_INTERVALS = 10
_FROZEN_SECONDS = 60


class Vitals:
    """Knows whether a worker gets on; `connecting` is how long a service may wait to connect."""

    def __init__(self, *, connecting: timedelta) -> None:
        self._least = _FROZEN_SECONDS + connecting.total_seconds()
        self._state: Literal["starting", "running", "stopping"] = "starting"
        self._stamps: Sequence[Stamp] = ()
        self._source: JobSource | None = None
        self._frozen = False

    def started(self, source: JobSource, stamps: Sequence[Stamp]) -> None:
        """Take note of what to look at."""
        self._state, self._source, self._stamps = "running", source, stamps

    def stopping(self) -> None:
        """Take note that no more is claimed."""
        self._state = "stopping"

    def health(self) -> Health:
        """Return how the worker is at this moment."""
        complaints = [one.complaint for one in self._stamps if one.complaint is not None]
        reasons = complaints if self._state == "running" else [self._state, *complaints]
        dead = self._frozen or any(one.state == "defect" for one in self._stamps)
        troubles = self._source.troubles if isinstance(self._source, Watching) else ()
        return Health(
            live=not dead, ready=not reasons, reasons=tuple(reasons), notes=tuple(troubles)
        )

    async def watch(self) -> None:
        """Raise PgqueueError when a service makes no progress for so long that it never will."""
        seen: dict[Stamp, tuple[int, int]] = {}
        while True:
            # Looks are counted, not seconds: after a handler has blocked the loop for minutes,
            # or the process was halted, the services get their turn before they are judged.
            for stamp in self._stamps:
                count, looks = seen.get(stamp, (stamp.count, 0))
                quiet = stamp.state == "running" and stamp.count == count and not stamp.away
                seen[stamp] = (stamp.count, looks + 1 if quiet else 0)
                if seen[stamp][1] * _LOOK_EVERY >= self._patience(stamp):
                    self._frozen = True
                    complaint = stamp.complaint or f"{stamp.service}: no progress"
                    bulletin.frozen(complaint)
                    raise PgqueueError(f"{complaint}; the worker has stopped: start it again")
            await asyncio.sleep(_LOOK_EVERY)

    def _patience(self, stamp: Stamp) -> float:
        return max(_FROZEN_INTERVALS * stamp.interval, self._least)
