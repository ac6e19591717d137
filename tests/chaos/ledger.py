"""What really ran: lines that survive whatever happens to their process and to the database."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic

FOLDER = "CHAOS_LEDGER"
PATIENCE = 60.0
_LOOK_AGAIN = 0.05


@dataclass(frozen=True)
class Entry:
    """Something that a handler did. `at` is the machine's monotonic clock, the same everywhere."""

    event: str
    job: int
    attempt: int
    pid: int
    at: float


def note(event: str, job: int, attempt: int) -> None:
    """Write a line, on the disk when this returns; for handlers, in the worker's process."""
    pid = os.getpid()
    line = json.dumps(asdict(Entry(event, job, attempt, pid, monotonic()))) + "\n"
    path = os.path.join(os.environ[FOLDER], f"{pid}.jsonl")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)


def is_open() -> bool:
    """Whether the test has let the gated handlers go on: all of them, or this process's."""
    folder = os.environ[FOLDER]
    return any(os.path.exists(f"{folder}/{gate}") for gate in ("open", f"open-{os.getpid()}"))


@dataclass(frozen=True)
class Ledger:
    """What the workers of a test wrote down, in the order in which it happened."""

    folder: Path
    _found: list[Entry] = field(default_factory=list)
    _read: dict[Path, int] = field(default_factory=dict)

    def entries(self, event: str | None = None, *, pid: int | None = None) -> Sequence[Entry]:
        """What happened; a line that its process did not live to finish does not count."""
        for path in self.folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                lines, end, _ = file.read().rpartition(b"\n")
            self._read[path] = self._read.get(path, 0) + len(lines + end)
            self._found.extend(Entry(**json.loads(line)) for line in lines.splitlines())
        self._found.sort(key=lambda one: one.at)
        return [one for one in self._found if event in (None, one.event) and pid in (None, one.pid)]

    def runs(self) -> Counter[int]:
        """How often each job was started."""
        return Counter(one.job for one in self.entries("start"))

    def attempts(self) -> dict[int, list[int]]:
        """The numbers of each job's attempts, in the order in which they were started."""
        attempts: dict[int, list[int]] = {}
        for one in self.entries("start"):
            attempts.setdefault(one.job, []).append(one.attempt)
        return attempts

    def open(self, pid: int | None = None) -> None:
        """Let the gated handlers go on, these and all later ones, of one process or of all."""
        (self.folder / ("open" if pid is None else f"open-{pid}")).touch()

    def shut(self) -> None:
        """Hold the gated handlers again."""
        (self.folder / "open").unlink()

    def peak(self, pid: int) -> int:
        """How many attempts of a process were under way at once, at most."""
        running, peak = 0, 0
        for one in self.entries(pid=pid):
            running += {"start": 1, "end": -1, "cancelled": -1}[one.event]
            peak = max(peak, running)
        return peak

    async def until(self, event: str, count: int = 1, *, pid: int | None = None) -> Entry:
        """Wait until something has happened so often, and return the last of it."""
        deadline = monotonic() + PATIENCE
        while len(found := self.entries(event, pid=pid)) < count:
            assert monotonic() < deadline, f"{event}: {len(found)} of {count}: {self.entries()}"
            await asyncio.sleep(_LOOK_AGAIN)
        return found[count - 1]
