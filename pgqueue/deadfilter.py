"""Which dead letters are meant: a filter, read and checked before anything is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, TypedDict, get_args

from pgqueue import durations
from pgqueue.durations import Duration
from pgqueue.outcome import Reason
from pgqueue.queue import Queue, checked_name, queue_name


class DeadFilter(TypedDict, total=False):
    """Which dead letters are meant; what is left out lets all of them pass.

    `older_than` and `newer_than` count from the death. `error` is a part of the last failure's,
    in the same case. `unhandled=True`: not yet finished with by a dead-letter processor;
    `parked=True`: given up by it.
    """

    name: str
    reason: Reason
    older_than: Duration
    newer_than: Duration
    error: str
    unhandled: bool
    parked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter that was read and checked."""

    queue: str | None = None
    name: str | None = None
    reason: str | None = None
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    error: str | None = None
    unhandled: bool | None = None
    parked: bool | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Every field by its name."""
        return asdict(self)


def read_filter(queue: Queue[Any] | str | None, given: Mapping[str, Any]) -> Filter:
    """Check what a filter says: TypeError for an unknown word, ValueError for a bad value."""
    known = [name for name in Filter.__slots__ if name != "queue"]
    for word in given:
        if word not in known:
            near = get_close_matches(word, known) or known
            raise TypeError(f"{word} does not filter dead letters; did you mean {', '.join(near)}?")
    said = {word: value for word, value in given.items() if value is not None}
    for word in {"older_than", "newer_than"} & said.keys():
        said[word] = durations.parse(said[word], field=word)
    for word in {"unhandled", "parked"} & said.keys():
        if not isinstance(said[word], bool):
            raise ValueError(f"{word}: {said[word]!r:.40} is neither True nor False")
    if "name" in said:
        checked_name(said["name"], "job")
    if said.get("reason", "lost") not in get_args(Reason):
        known = list(get_args(Reason))
        raise ValueError(f"reason: {said['reason']!r:.40} is none of {', '.join(known)}")
    if not isinstance(said.get("error", "x"), str) or said.get("error") == "":
        raise ValueError("error: give a part of the error's text")
    if queue is not None:
        said["queue"] = queue.name if isinstance(queue, Queue) else queue_name(queue)
    return Filter(**said)


def read_target(
    queue: Queue[Any] | str | None, given: Mapping[str, Any], *, all: bool, call: str
) -> Filter:
    """Check a filter of something that changes what it finds: it must not be empty by accident."""
    found = read_filter(queue, given)
    if found == Filter() and not all:
        raise ValueError(
            f"{call}: the filter is empty, which means every dead letter; "
            "name a queue or another condition, or say all=True"
        )
    return found


def ids(jobs: int | Collection[int]) -> list[int]:
    """Return the ids that were given, each once, in their order."""
    given = [jobs] if isinstance(jobs, int) else list(dict.fromkeys(jobs))
    for one in given:
        if isinstance(one, bool) or not isinstance(one, int):
            raise TypeError(f"{one!r:.40} is not the id of a job")
    return given


def checked_limit(limit: int | None) -> int | None:
    """Return how many are meant at most, if that can be; raise ValueError otherwise."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise ValueError(f"limit: {limit!r:.40} is no number of letters; give 0 or more")
    return limit
