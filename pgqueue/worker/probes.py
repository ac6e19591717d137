"""Answers health probes over HTTP: `/healthz` and `/readyz`, and nothing else."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import NamedTuple

from pgqueue.errors import ConfigError
from pgqueue.health import Health
from pgqueue.worker import bulletin

_LONGEST_REQUEST = 8192
_PATIENCE = 5.0
_MOST_CONNECTIONS = 64
_ADDRESS = re.compile(r"(\[(?P<v6>[0-9a-fA-F:.%\w]+)\]|(?P<host>[\w.-]*)):(?P<port>\d{1,5})")
_REQUEST = re.compile(rb"(?P<method>[A-Z]{1,16}) (?P<path>[!-~]{1,1024}) HTTP/1\.[01]\r\n")


class Address(NamedTuple):
    """Where probes are answered; without a host on every interface."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, field: str = "health") -> Address:
        """Read HOST:PORT or :PORT; ConfigError when it is neither."""
        found = _ADDRESS.fullmatch(text)
        if found is None or int(found["port"]) > 65535:
            raise ConfigError(
                f"{field}: {text!r:.80} is no address; give HOST:PORT, such as 127.0.0.1:8080, or "
                ":8080 for every interface"
            )
        return cls(found["v6"] or found["host"], int(found["port"]))


@asynccontextmanager
async def probes(address: Address, health: Callable[[], Health]) -> AsyncIterator[None]:
    """Answer probes while the block runs; ConfigError when the address cannot be used."""
    answering = _Answering(health)
    server = await asyncio.start_server(
        answering.connected, sock=_bound(address), limit=_LONGEST_REQUEST
    )
    host, port = server.sockets[0].getsockname()[:2]
    bulletin.probed(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    try:
        yield
    finally:
        server.close()
        await answering.close()


class _Answering:
    """Serves connections: few at a time, for a short time each, one answer and no more."""

    def __init__(self, health: Callable[[], Health]) -> None:
        self._health = health
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; whoever asks for nothing makes room for the next."""
        if len(self._open) >= _MOST_CONNECTIONS:
            # The oldest, not this one: a probe asks at once, so it is never the one that waits.
            self._open.pop(next(iter(self._open))).transport.abort()
        mine = asyncio.current_task()
        assert mine is not None
        self._open[mine] = writer
        try:
            with suppress(TimeoutError, OSError, asyncio.LimitOverrunError, EOFError):
                async with asyncio.timeout(_PATIENCE):
                    request = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(request))
                    await writer.drain()
        finally:
            self._open.pop(mine, None)
            writer.close()

    async def close(self) -> None:
        """Drop what is open."""
        for writer in self._open.values():
            writer.transport.abort()
        await asyncio.gather(*self._open)

    def _answer(self, request: bytes) -> bytes:
        found = _REQUEST.match(request)
        if found is None:
            return _response(HTTPStatus.BAD_REQUEST)
        if found["method"] not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET, HEAD\r\n")
        health = self._health()
        match found["path"].partition(b"?")[0]:
            case b"/healthz":
                good, shown = health.live, {"live": health.live}
            case b"/readyz":
                good, shown = health.ready, {"ready": health.ready}
            case _:
                return _response(HTTPStatus.NOT_FOUND)
        body = json.dumps({**shown, "reasons": health.reasons, "notes": health.notes}) + "\n"
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return _response(status, "Content-Type: application/json\r\n", body, found["method"])


def _response(
    status: HTTPStatus, headers: str = "", body: str = "", method: bytes = b"GET"
) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{headers}Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return (head if method == b"HEAD" else head + body).encode("ascii")


def _bound(address: Address) -> socket.socket:
    try:
        if address.host:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            return socket.create_server((address.host, address.port), family=family)
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", address.port), family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (while")[0]
        raise ConfigError(
            f"health: {address.host}:{address.port} cannot be listened on ({reason}); "
            "choose another address"
        ) from None
