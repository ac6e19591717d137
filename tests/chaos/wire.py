"""PostgreSQL's protocol, as far as a proxy must read it to stop at a statement."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import NamedTuple

COMPLETE = b"C"
READY = b"Z"

_STARTUP = 8
_PARAMETER = re.compile(r"\$\d+|(?<![:\w]):[a-z_]+")


def spoken(name: str) -> str:
    """The text of one of the driver's statements, as it is matched: `spoken("claim")`."""
    file = files("pgqueue.drivers.postgres") / "sql" / f"{name}.sql"
    lines = file.read_text(encoding="utf-8").splitlines()
    return plain("\n".join(line for line in lines if not line.startswith("--")))


COMPLETED = "lease = (?::bigint[])[width_bucket(id, ?::bigint[])]"
"""What only a statement with outcomes says, whether or not it claims as well."""


def plain(text: str) -> str:
    """A statement with every parameter as `?`, whoever has numbered or named them."""
    return _PARAMETER.sub("?", text)


class Turn(NamedTuple):
    """What a client says before it waits: its bytes, and the statements that they execute."""

    data: bytes
    text: str
    answered: bool
    """Whether ReadyForQuery will follow."""


class Message(NamedTuple):
    """One message of the server."""

    kind: bytes
    data: bytes


@dataclass
class ClientSide:
    """Cuts what a client sends into turns."""

    _buffer: bytes = b""
    _turn: bytes = b""
    _texts: list[str] = field(default_factory=list)
    _named: dict[bytes, str] = field(default_factory=dict)
    _started: bool = False

    def feed(self, data: bytes) -> list[Turn]:
        """Take bytes over, and return the turns that are complete now."""
        self._buffer += data
        turns = []
        while message := self._message():
            self._turn += message
            if not self._started:
                self._started = True
                turns.append(self._end(answered=True))
                continue
            self._read(message[:1], message[5:])
            if message[:1] in b"QSHXpdcf":
                turns.append(self._end(answered=message[:1] in b"QS"))
        return turns

    def _message(self) -> bytes:
        start = 1 if self._started else 0
        if len(self._buffer) < start + 4:
            return b""
        length = start + int.from_bytes(self._buffer[start : start + 4])
        if len(self._buffer) < max(length, 0 if self._started else _STARTUP):
            return b""
        message, self._buffer = self._buffer[:length], self._buffer[length:]
        return message

    def _read(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"Q":
                self._texts.append(body.rstrip(b"\0").decode())
            case b"P":
                name, text, _ = body.split(b"\0", 2)
                self._named[name] = text.decode()
            case b"B":
                _, name, _ = body.split(b"\0", 2)
                self._texts.append(self._named.get(name, ""))

    def _end(self, *, answered: bool) -> Turn:
        turn = Turn(self._turn, plain("\n".join(self._texts)), answered)
        self._turn, self._texts = b"", []
        return turn


@dataclass
class ServerSide:
    """Cuts what a server sends into messages."""

    _buffer: bytes = b""

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes over, and return the messages that are complete now."""
        self._buffer += data
        messages, at = [], 0
        while len(self._buffer) >= at + 5:
            end = at + 1 + int.from_bytes(self._buffer[at + 1 : at + 5])
            if len(self._buffer) < end:
                break
            messages.append(Message(self._buffer[at : at + 1], self._buffer[at:end]))
            at = end
        self._buffer = self._buffer[at:]
        return messages
