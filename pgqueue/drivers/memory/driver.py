"""`Memory`: the ephemeral driver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pgqueue.config import Config
from pgqueue.drivers.memory.letters import Letters
from pgqueue.drivers.memory.source import Source
from pgqueue.drivers.memory.store import Store
from pgqueue.options import PushOptions, Said, read_options
from pgqueue.plain import Json
from pgqueue.producer import Producer
from pgqueue.sealing import seal_json

OPTIONS: Final = frozenset(PushOptions.__annotations__)


class Memory(Producer):
    """Jobs in the memory of this process: they vanish with it, and no other process sees them.

    For tests and local commands: retries, delays, leases and dead letters are those of any
    driver. Pushes may come from several threads. Settings are those of `Config`.
    """

    def __init__(self, **settings: Any) -> None:
        self.config = Config.load(**settings)
        self._store = Store()

    def __repr__(self) -> str:
        return f"Memory({len(self._store)} jobs, {len(self._store.dead)} dead)"

    @property
    def dead(self) -> Letters:
        """The dead letters of this process."""
        return Letters(self._store)

    async def push_json(self, queue: str, payload: Json, /, **options: Any) -> int:
        """Push a JSON value as one job, and return its id."""
        said = read_options(queue, options, driver="Memory", known=OPTIONS)
        envelope = seal_json(queue, payload, self.config, options.get("carrier"))
        expires_in = None if said.expires_in is None else said.expires_in.total_seconds()
        return self._store.add(queue, said, envelope, delay=_delay(said), expires_in=expires_in)

    def source(self, queues: Sequence[str], worker: str) -> Source:
        """Make the jobs' face for one worker."""
        return Source(self._store, self.config.keeps)


def _delay(said: Said) -> float:
    """Return in how many seconds the job may run."""
    if said.run_at is not None:
        return (said.run_at - datetime.now(UTC)).total_seconds()
    return 0.0 if said.delay is None else said.delay.total_seconds()
