"""A proxy before PostgreSQL that stops at statements, loses answers, and falls silent.

async with Proxy(dsn) as proxy:
    trap = proxy.trap(spoken("complete"), at="sent")      # then: await trap.sprung.wait()
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.chaos.relay import Faults, Relay
from tests.chaos.traps import Act, Point, Trap


class Proxy:
    """Passes everything on, but for what its faults say.

    `faults.delay`, `faults.left` and `faults.silent` count for every connection, at once. While
    `refusing` it takes no new ones; `refuses_after_cut` begins that at the next cut.
    """

    def __init__(self, dsn: str) -> None:
        self._server_dsn = dsn
        self._tasks: set[asyncio.Task[None]] = set()
        self._relays: set[Relay] = set()
        self.faults = Faults()
        self.refusing = False
        self.refuses_after_cut = False

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._listening.sockets[0].getsockname()[1]
        self.dsn = make_conninfo(
            self._server_dsn, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable"
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def trap(self, text: str, *, at: Point, act: Act = "hold", skip: int = 0) -> Trap:
        """Set a trap at the next statement that contains a text, see `wire.spoken`."""
        trap = Trap(text, at, act, skip)
        self.faults.traps.append(trap)
        return trap

    def cut_all(self, act: Act = "cut") -> int:
        """Cut every connection, and return how many there were."""
        relays = [relay for relay in self._relays if relay.cut(act)]
        return len(relays)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._relays)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.refusing:
            writer.transport.abort()
            return
        try:
            relay = Relay(self.faults, (reader, writer), await self._connect(), self._was_cut)
        except OSError:  # the server is away, and the client learns it as it would without us
            writer.transport.abort()
            return
        self._relays.add(relay)
        if self.refusing:  # since it was accepted: whoever cuts all connections means this one, too
            relay.cut("cut")
        try:
            await relay.run()
        except asyncio.CancelledError:  # the end of the test, nobody's to report
            pass
        finally:
            self._relays.discard(relay)

    def _was_cut(self) -> None:
        self.refusing = self.refusing or self.refuses_after_cut

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = conninfo_to_dict(self._server_dsn)
        host, port = str(server["host"]), server.get("port", 5432)
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, int(port or 5432))
