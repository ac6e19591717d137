"""The account of a demo: what must be so, what the tables say, and whether the two agree."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What the demo itself did, as it saw it: none of it is read from the database's tables.

    `jobs` are the ids that the pushes returned, `exits` the exit codes of the workers, `held` the
    jobs that the killed one had under lease, `failures` the failed runs of each job that was dead
    before one was mended.
    """

    library: int
    broken: int
    retries_each: int
    jobs: Sequence[int]
    exits: Sequence[int]
    held: Sequence[int]
    failures: Sequence[int]
    mended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the database's tables say at the end; `count.sql` has the meaning of each."""

    files: int
    waiting: int
    runs: int
    retries: int
    cut_short: int
    completions: int
    indexed: int
    recovered: int
    definitions: int
    definitions_noted: int
    noted: int
    dead: int
    unfinished: int


@dataclass(frozen=True, slots=True)
class Line:
    """One number of the account, what it has to be, and why."""

    name: str
    counted: int
    expected: int
    why: str

    @property
    def adds_up(self) -> bool:
        """Whether the number is what it has to be."""
        return self.counted == self.expected


def account(done: Done, counted: Counted) -> list[Line]:
    """Set what was counted against what has to be."""
    good = done.library + done.mended
    return [*_work(done, counted, good), *_faults(done, counted), *_index(counted, good)]


def complaints(lines: Sequence[Line]) -> list[str]:
    """Name each number that does not add up."""
    return [
        f"{line.name} is {line.counted} and must be {line.expected} ({line.why})"
        for line in lines
        if not line.adds_up
    ]


def _work(done: Done, counted: Counted, good: int) -> Iterator[Line]:
    files, failed = done.library + done.broken, sum(done.failures)
    yield Line(
        "files",
        counted.files,
        files,
        f"{done.library} of the library, {done.broken} broken on purpose",
    )
    yield Line("jobs", len(set(done.jobs)), files, "each pushed with its file's row")
    yield Line(
        "runs",
        counted.runs,
        good + failed + counted.cut_short,
        f"{good} indexed a file, {failed} failed, {counted.cut_short} ended by the kill",
    )


def _faults(done: Done, counted: Counted) -> Iterator[Line]:
    yield Line(
        "retries",
        counted.retries,
        done.broken * done.retries_each,
        f"{done.retries_each} for each broken file",
    )
    yield Line(
        "killed",
        done.exits.count(-signal.SIGKILL),
        1,
        f"worker, by SIGKILL, while it held {len(done.held)} jobs",
    )
    # A kill that met an idle worker would have proved nothing.
    held = max(len(done.held), 1)
    yield Line("recovered", counted.recovered, held, "jobs it held, completed by the other worker")
    yield Line("noted", counted.noted, done.broken, "by the processor of dead letters, once each")
    yield Line(
        "dead",
        counted.dead,
        done.broken - done.mended,
        f"{done.broken} had died, {done.mended} was mended and redriven",
    )


def _index(counted: Counted, good: int) -> Iterator[Line]:
    noted = "as many rows as the completing runs had found"
    yield Line("indexed", counted.indexed, good, "every file that can be parsed")
    yield Line("completed", counted.completions, counted.indexed, "every file exactly once")
    yield Line("definitions", counted.definitions, counted.definitions_noted, noted)
    yield Line("waiting", counted.waiting, counted.dead, "files without an index: the dead ones")
    yield Line("unfinished", counted.unfinished, 0, "jobs that would still have to run")
