"""Probes over HTTP: what they are answered, and that no request harms the worker."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pgqueue import ConfigError, Health
from pgqueue.worker import probes as module
from pgqueue.worker.probes import Address, probes
from tests.worker.running import soon

WELL = Health(live=True, ready=True)
ASK = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"


class Asked:
    """Where probes are answered, with the health that the test chooses."""

    def __init__(self) -> None:
        self.health = WELL
        self.port = 0

    async def send(self, request: bytes, *, end: bool = False) -> bytes:
        """Send bytes and return what comes back until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            if end:
                writer.write_eof()
            return await soon(reader.read())
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def get(self, path: str) -> tuple[int, object]:
        """Ask as a probe does."""
        answer = await self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if body else None


@pytest.fixture
async def asked(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Asked]:
    """Probes on a free port."""
    caplog.set_level(logging.INFO, "pgqueue.worker")
    asked = Asked()
    async with probes(Address("127.0.0.1", 0), lambda: asked.health):
        found = re.search(r"http://127\.0\.0\.1:(\d+)/healthz", caplog.text)
        assert found is not None
        asked.port = int(found[1])
        yield asked


async def test_readiness_and_liveness_are_a_status_and_their_reasons(asked: Asked) -> None:
    """M19: 200 or 503 for the probe, JSON for people."""
    assert await asked.get("/readyz") == (200, {"ready": True, "reasons": [], "notes": []})
    assert await asked.get("/healthz?verbose=1") == (
        200,
        {"live": True, "reasons": [], "notes": []},
    )
    asked.health = Health(live=True, ready=False, reasons=("Fetcher: away",), notes=("slow",))
    said = {"reasons": ["Fetcher: away"], "notes": ["slow"]}
    assert await asked.get("/readyz") == (503, {"ready": False} | said)
    assert await asked.get("/healthz") == (200, {"live": True} | said)
    asked.health = replace(asked.health, live=False)
    assert (await asked.get("/healthz"))[0] == 503


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"HEAD /readyz HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /../readyz HTTP/1.1\r\n\r\n", 404),
        (b"GET http://x/readyz HTTP/1.1\r\n\r\n", 404),
        (b"POST /readyz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"DELETE /healthz HTTP/1.1\r\n\r\n", 405),
        (b"GET /readyz HTTP/2.0\r\n\r\n", 400),
        (b"GET /readyz\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /\xff\x00 HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n", 400),
    ],
)
async def test_whatever_is_asked_gets_one_short_answer(
    asked: Asked, request_: bytes, status: int
) -> None:
    """M19: an answer without a body for all that is no probe, and the connection ends."""
    answer = await asked.send(request_)
    assert int(answer.split()[1]) == status
    assert answer.endswith(b"\r\n\r\n")
    assert await asked.get("/readyz") == (200, {"ready": True, "reasons": [], "notes": []})


@pytest.mark.parametrize(
    "request_",
    [b"", b"GET /readyz HTTP/1.1\r\n", b"\x00" * 100_000, b"GET /" + b"a" * 1_000_000, ASK[:-2]],
    ids=["nothing", "half", "binary", "long", "unfinished"],
)
async def test_whoever_does_not_ask_in_the_end_gets_nothing(asked: Asked, request_: bytes) -> None:
    """M19: too long or cut short, it is dropped without an answer."""
    assert await asked.send(request_, end=True) == b""
    assert (await asked.get("/readyz"))[0] == 200


async def test_a_request_that_does_not_come_is_not_waited_for(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M19: slow readers and writers are dropped after a while."""
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    assert await asked.send(b"GET /readyz HT") == b""


async def test_hundreds_of_silent_connections_keep_no_probe_out(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M19: they make room for whoever asks, and few of them are held open."""
    monkeypatch.setattr(module, "_PATIENCE", 600.0)
    silent = [await asyncio.open_connection("127.0.0.1", asked.port) for _ in range(300)]
    try:
        assert await soon(silent[0][0].read()) == b""
        for _ in range(3):
            assert (await asked.get("/readyz"))[0] == 200
        busy = [asyncio.create_task(asked.get("/healthz")) for _ in range(20)]
        assert {(await soon(one))[0] for one in busy} == {200}
    finally:
        for _, writer in silent:
            writer.close()


async def test_the_end_of_the_worker_waits_for_no_client() -> None:
    """M19: open connections are closed with the server."""
    async with probes(Address("127.0.0.1", 0), lambda: WELL) as _:
        pass
    asked = Asked()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        asked.port = free.getsockname()[1]
    async with probes(Address("127.0.0.1", asked.port), lambda: WELL):
        reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
        await asked.get("/readyz")
    assert await soon(reader.read()) == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", asked.port)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":8080", ("", 8080)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
        ("a-host.example:9", ("a-host.example", 9)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert Address.parse(text) == address


async def test_a_host_that_is_nowhere_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"health: 192\.0\.2\.1:80 cannot be listened on"):
        async with probes(Address("192.0.2.1", 80), lambda: WELL):
            pass
