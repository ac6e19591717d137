"""A proxy before PostgreSQL that cuts a connection at its COMMIT, to see what is known then."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Literal, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Cut = Literal["commit", "answer"]
"""What does not arrive any more: the client's COMMIT, or the server's word that it is done."""

# In the client's query message, and as the server's CommandComplete.
_MARKS: dict[Cut, bytes] = {"commit": b"COMMIT\x00", "answer": b"C\x00\x00\x00\x0bCOMMIT\x00"}


class Proxy:
    """Passes everything on, but for the one COMMIT that it is told to cut.

    While `refusing` it takes no new connections. With `half_open` the server does not learn of
    the cut, and its transaction stays open until the proxy ends.
    """

    def __init__(self, dsn: str) -> None:
        self._server_dsn = dsn
        self._tasks: set[asyncio.Task[None]] = set()
        self.cutting: Cut | None = None
        self.refuses_after_cut = False
        self.half_open = False
        self.refusing = False
        self.cut = asyncio.Event()

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

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        if self.refusing:
            writer.transport.abort()
            return
        server_reader, server_writer = await self._connect()
        pumps = [
            asyncio.create_task(self._pump(reader, server_writer, "commit")),
            asyncio.create_task(self._pump(server_reader, writer, "answer")),
        ]
        try:
            ended, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            writer.transport.abort()
            if self.half_open and any(one.result() for one in ended):
                await asyncio.Event().wait()
        except asyncio.CancelledError:  # the end of the test, nobody's to report
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            writer.transport.abort()
            server_writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = conninfo_to_dict(self._server_dsn)
        host, port = str(server["host"]), server.get("port", 5432)
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, int(port or 5432))

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, mine: Cut
    ) -> bool:
        """Pass on until the end, or return True at the cut."""
        try:
            while data := await source.read(65536):
                if self.cutting == mine and _MARKS[mine] in data:
                    self.cutting = None
                    self.refusing = self.refuses_after_cut
                    self.cut.set()
                    return True
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        return False
