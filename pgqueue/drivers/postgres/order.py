"""What one call pushes, as a value: sealed and checked before any SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from psycopg.types.json import Jsonb

from pgqueue.config import Config
from pgqueue.drivers.postgres.binary import rows
from pgqueue.drivers.postgres.options import MANY_OPTIONS, OPTIONS
from pgqueue.drivers.postgres.statement import load
from pgqueue.drivers.postgres.talk import Ask, Copy, Talk
from pgqueue.errors import ConfigError
from pgqueue.options import NOTHING, Said, read_options
from pgqueue.producer import sealed, sealed_many
from pgqueue.pushed import Pushed
from pgqueue.queue import Queue
from pgqueue.sealing import closing
from pgqueue.unique import Unique

PUSH = load("push", Pushed)
PUSH_BRIEF = load("push_brief", Pushed)
PUSH_SCHEDULED = load("push_scheduled", Pushed)
PUSH_MANY = load("push_many", Pushed)
PUSH_MANY_SCHEDULED = load("push_many_scheduled", Pushed)
PUSH_SEALED = load("push_sealed", Pushed.of)
PUBLISH = load("publish", Pushed)
PUBLISH_SCHEDULED = load("publish_scheduled", Pushed)
RING = load("ring", bool)
TAKE_IDS = load("take_ids", lambda *found: found)
COPY = load("copy", tuple)
COPY_BRIEF = load("copy_brief", tuple)
COPY_SCHEDULED = load("copy_scheduled", tuple)

# In bytes. As jsonb, numbers become seven times as long, and its limit is 256 MiB.
MOST_TEXT: Final = 32 * 2**20

# From here on COPY is quicker than one statement with an array, though it has to take ids first:
# 47k against 45k jobs a second at 50, 115k against 68k at 1,000.
_COPIED_FROM: Final = 50


class Order(NamedTuple):
    """Sealed envelopes, where they go, and the options that they share.

    With `topic` they go to its subscribers, among them those `known` to this process. Each has a
    key if they are `unique`, and that says how.
    """

    queue: str
    envelopes: Sequence[bytes]
    said: Said = NOTHING
    notify: bool = True
    unique: Unique | None = None
    keys: Sequence[str] = ()
    topic: str | None = None
    known: Sequence[str] = ()

    def ask(self) -> Ask:
        """Return the one statement that pushes one payload, and rings."""
        if self.unique is not None:
            return Ask(PUSH_SEALED, {"document": self.document()})
        envelope = self.envelopes[0].decode()
        if self.topic is not None:
            statement = PUBLISH_SCHEDULED if self._waits else PUBLISH
            to = {"topic": self.topic, "known": list(self.known)}
            return Ask(statement, {**self._parameters(), "envelope": envelope, **to})
        if self.notify and self.said == NOTHING:
            return Ask(PUSH_BRIEF, {"queue": self.queue, "envelope": envelope})
        statement = PUSH_SCHEDULED if self._waits else PUSH
        return Ask(statement, {**self._parameters(), "envelope": envelope})

    def talk(self, *, copies: bool) -> Talk[Sequence[int]]:
        """Push many on a connection of psycopg: by what is quickest, COPY if it `copies`."""
        if self.unique is not None:
            return (yield self.ask())
        if len(self.envelopes) < _COPIED_FROM or not copies:
            statement = PUSH_MANY_SCHEDULED if self._waits else PUSH_MANY
            envelopes = [one.decode() for one in self.envelopes]
            ids = yield Ask(statement, {**self._parameters(), "envelopes": envelopes})
        else:
            ids = yield from self._copied()
        if self.notify and ids:
            yield Ask(RING, {"queue": self.queue})
        return ids

    def parts(self) -> Iterator[Order]:
        """Cut it where one statement would carry more than a connection, or jsonb, can take."""
        start, size = 0, 0
        for n, envelope in enumerate(self.envelopes):
            size += len(envelope)
            if size > MOST_TEXT and n > start:
                yield self._from(start, n)
                start, size = n, len(envelope)
        yield self._from(start, len(self.envelopes)) if start else self

    def document(self) -> str:
        """Return all of it as the JSON text that `push_sealed` takes."""
        said = {name: _plain(value) for name, value in self._parameters().items()}
        if self.topic is not None:
            said |= {"queue": None, "topic": self.topic, "known": list(self.known)}
        if self.unique is not None:
            said |= {"keys": list(self.keys), **self.unique.to_json()}
        backoff = said.pop("backoff") or "null"
        envelopes = b",".join(self.envelopes).decode()
        return f'{json.dumps(said)[:-1]},"backoff":{backoff},"envelopes":[{envelopes}]}}'

    def _from(self, start: int, end: int) -> Order:
        return self._replace(envelopes=self.envelopes[start:end], keys=self.keys[start:end])

    @property
    def _waits(self) -> bool:
        return self.said.delay is not None

    def _parameters(self) -> dict[str, Any]:
        return {"queue": self.queue, "notify": self.notify, **self.said._asdict()}

    def _copied(self) -> Talk[Sequence[int]]:
        said = self.said
        counted = {"count": len(self.envelopes), **self._parameters()}
        [(first, ids, due, expires_at)] = yield Ask(TAKE_IDS, counted)
        if ids is None:
            ids = range(first, first + len(self.envelopes))
        if said == NOTHING:
            yield Copy(COPY_BRIEF, rows(ids, [self.queue], self.envelopes, []))
            return cast("Sequence[int]", ids)
        backoff = None if said.backoff is None else Jsonb(said.backoff, dumps=str.encode)
        before = [self.queue, said.name, said.priority, said.max_attempts, backoff, said.timeout]
        after = [expires_at, due] if self._waits else [expires_at]
        statement = COPY_SCHEDULED if self._waits else COPY
        yield Copy(statement, rows(ids, before, self.envelopes, after))
        return cast("Sequence[int]", ids)


def ordered(
    queue: Queue[Any],
    payloads: Iterable[object],
    options: Mapping[str, Any],
    config: Config,
    *,
    many: bool = False,
    topic: str | None = None,
    known: Sequence[str] = (),
) -> Order:
    """Check the options and seal the payloads; what is wrong is named, and nothing is pushed."""
    said = NOTHING
    if options:
        allowed = MANY_OPTIONS if many else OPTIONS
        said = read_options(queue.name, options, driver="Postgres", known=allowed)
    given = list(payloads)
    unique, keys = _keys(queue.name, options.get("unique"), given, many=many)
    end = closing(options.get("carrier"))
    return Order(
        queue=queue.name,
        envelopes=sealed_many(queue, given, config, end)
        if many
        else [sealed(queue, one, config, end) for one in given],
        said=said,
        notify=_notify(queue.name, options),
        unique=unique,
        keys=keys,
        topic=topic,
        known=known,
    )


def _notify(queue: str, options: Mapping[str, Any]) -> bool:
    notify = options.get("notify", True)
    if not isinstance(notify, bool):
        raise ConfigError(f"push to {queue}: notify is {notify!r:.40}; give True or False")
    return notify


def _keys(
    queue: str, given: Any, payloads: Sequence[object], *, many: bool
) -> tuple[Unique | None, Sequence[str]]:
    if given is None or not payloads:
        return None, ()
    if many != callable(given):
        wanted = "a function from a payload to its key" if many else "a key, or Unique(key, …)"
        raise ConfigError(f"push to {queue}: unique is {type(given).__name__}; give {wanted}")
    call: Callable[[object], Unique | str] = given if many else lambda _: given
    each = [Unique.of(call(payload)) for payload in payloads]
    if len({(one.until, one.within, one.replace) for one in each}) > 1:
        raise ConfigError(f"push to {queue}: the keys of one push_many are unique in one way")
    return each[0], [one.key for one in each]


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return value.total_seconds()
        case datetime():
            return value.isoformat()
        case _:
            return value
