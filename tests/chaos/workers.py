"""Workers as their users run them: `pgqueue work` in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.ledger import FOLDER, PATIENCE
from tests.cli.commands import PROGRAM

ROOT = Path(__file__).parents[2]
LEASE = 2.0
SETTINGS = {
    "PGQUEUE_LEASE": f"{LEASE:.0f}s",
    "PGQUEUE_HEARTBEAT": "400ms",
    "PGQUEUE_POLL_INTERVAL": "200ms",
    "PGQUEUE_CONNECT_TIMEOUT": "20s",
    "PGQUEUE_SHUTDOWN_TIMEOUT": "20s",
}


@dataclass(frozen=True)
class Worker:
    """One process, and the file of what it has printed."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def printed(self) -> str:
        """What it has logged."""
        return self.log.read_text()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def prints(self, text: str) -> None:
        """Wait until it has logged a text."""
        async with asyncio.timeout(PATIENCE):
            while text not in self.printed:
                assert self.running, f"ended without {text!r}:\n{self.printed}"
                await asyncio.sleep(0.02)

    async def ended(self) -> int:
        """Wait for its end, and return the exit code."""
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    async def killed(self) -> None:
        """End it where it stands."""
        self.signal(signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL

    async def stopped(self) -> int:
        """Let it drain, and return the exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended()


@dataclass
class Workers:
    """Starts workers, of the application in apps/ordinary.py unless another is named."""

    dsn: str
    folder: Path
    started: list[Worker] = field(default_factory=list)

    def start(
        self,
        *options: str,
        dsn: str | None = None,
        app: str = "ordinary",
        before: Sequence[str] = (),
        **variables: str,
    ) -> Worker:
        """Start one, by the program `before` if there is one; it has not connected yet."""
        application = f"tests.chaos.apps.{app}:worker"
        log = self.folder / f"worker-{len(self.started)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*before, PROGRAM, "work", application, "--app-dir", ROOT, *options],
                env=self._environment(dsn, variables),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        worker = Worker(process, log)
        self.started.append(worker)
        return worker

    async def serving(
        self,
        *options: str,
        dsn: str | None = None,
        app: str = "ordinary",
        before: Sequence[str] = (),
        **variables: str,
    ) -> Worker:
        """Start one, and wait until it claims."""
        worker = self.start(*options, dsn=dsn, app=app, before=before, **variables)
        await worker.prints("started")
        return worker

    def end(self) -> None:
        """End every process, and print what they logged, for a test that has failed."""
        for worker in self.started:
            worker.process.kill()
            worker.process.wait()
            print(f"--- {worker.log.name}, pid {worker.pid}: {worker.process.returncode}")
            print(worker.printed)

    def _environment(self, dsn: str | None, variables: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
        given = {"PGQUEUE_DSN": dsn or self.dsn, FOLDER: str(self.folder)}
        return inherited | SETTINGS | given | variables
