"""A claim whose answer was lost may have leased jobs to a worker that does not know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

import psycopg

from pgqueue.drivers.postgres.failures import lost_connection
from pgqueue.drivers.postgres.lanes import PRIORITIES
from pgqueue.seam import Claim, Delivery

# So many rows of a lane are read: more than other workers have in hand before ours.
DEPTH: Final = 10_000
# The server may not have executed it yet when it is looked for; each time it takes longer again.
_FIRST_PAUSE = 0.1


def unanswered(error: BaseException) -> bool:
    """Return whether a statement that ended like this may have been executed all the same."""
    return not isinstance(error, psycopg.Error) or lost_connection(error)


class Recall:
    """Remembers the last such claim, and when to look for its jobs, while its lease lasts.

    One is enough: after it no claim is sent before its jobs were looked for.
    """

    def __init__(self) -> None:
        self._token = 0
        self._cursors: Mapping[str, Sequence[int]] = {}
        self._found: list[int] = []
        self._due = self._ends = 0.0
        self._pause = _FIRST_PAUSE

    def lost(self, claim: Claim, cursors: Sequence[int]) -> None:
        """Remember a claim without an answer, and the cursors from which it read."""
        starts = range(0, len(cursors), PRIORITIES)
        lanes = [cursors[start : start + PRIORITIES] for start in starts]
        self._token = claim.token
        self._cursors = dict(zip(claim.rooms, lanes, strict=True))
        self._found = []
        self._due = monotonic()
        self._ends = self._due + claim.lease.total_seconds()
        self._pause = _FIRST_PAUSE

    @property
    def due(self) -> bool:
        """Whether to look now."""
        return self._due <= monotonic() < self._ends

    def within(self, seconds: float) -> float:
        """Return how long to sleep: until the next look, `seconds` at most."""
        now = monotonic()
        return min(seconds, max(0.0, self._due - now)) if now < self._ends else seconds

    def parameters(self, claim: Claim) -> Mapping[str, Any]:
        """Return where to look for what fits into a claim's rooms."""
        rooms = {queue: room for queue, room in claim.rooms.items() if queue in self._cursors}
        return {
            "queues": list(rooms),
            "rooms": list(rooms.values()),
            "cursors": [cursor for queue in rooms for cursor in self._cursors[queue]],
            "limit": claim.limit,
            "token": self._token,
            "found": self._found,
            "lease": claim.lease,
            "depth": DEPTH,
        }

    def looked(self, found: Sequence[Delivery]) -> None:
        """Look again soon: for what did not fit, or for what the server had not yet done."""
        self._found += [delivery.id for delivery in found]
        self._due = monotonic() + (0.0 if found else self._pause)
        if not found:
            self._pause *= 2
