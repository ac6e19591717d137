"""The options of a push into PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pgqueue import options
from pgqueue.unique import Unique


class _Options(options.PushOptions, total=False):
    notify: bool


class PushOptions(_Options, total=False):
    """What a push into PostgreSQL may say besides.

    `notify=False`: wake nobody, as PREPARE TRANSACTION needs it. `unique`: a key, or `Unique` with
    more to say; the push then gives the id of the job that holds the key, new or not.
    """

    unique: str | Unique | None


class PushManyOptions(_Options, total=False):
    """The same for many: `unique` is a function from a payload to its key."""

    unique: Callable[[Any], str | Unique] | None


OPTIONS: Final = frozenset(PushOptions.__annotations__)
MANY_OPTIONS: Final = frozenset(PushManyOptions.__annotations__)
