"""The dead letters of a process."""

from __future__ import annotations

from collections.abc import Sequence

from pgqueue.drivers.memory.store import Store
from pgqueue.seam import DeadJob


class Letters:
    """Looks at dead jobs, lets them run again, and forgets them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def count(self, queue: str | None = None) -> int:
        """Count them, of one queue or of all."""
        return len(self._of(queue))

    async def get(self, job: int) -> DeadJob | None:
        """Return one of them."""
        return next((dead for dead in self._store.dead if dead.id == job), None)

    async def redrive(self, job: int) -> bool:
        """Let one run again: same id and envelope, a fresh budget."""
        return self._store.redrive(job)

    async def discard(self, job: int) -> bool:
        """Delete one."""
        return self._store.discard(job)

    async def flush(self, queue: str | None = None, *, everything: bool = False) -> int:
        """Delete those of a queue, or everything."""
        if queue is None and not everything:
            raise ValueError("flush: name a queue, or say everything=True")
        return sum([self._store.discard(dead.id) for dead in self._of(queue)])

    async def list(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadJob]:
        """List them, of one queue or of all, in the order of their ids."""
        return self._of(queue)[:limit]

    def _of(self, queue: str | None) -> Sequence[DeadJob]:
        return [dead for dead in self._store.dead if queue in (None, dead.queue)]
