"""What a worker's source was asked, and what it has answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pgqueue.drivers.postgres.source import Source
from pgqueue.seam import Claim, Delivery, Exchanged, Lease, Settlement


@dataclass
class Asked:
    """The jobs that were completed by exchanges and written by the settler, and all that were
    leased; `most`: how many were leased and not yet written at once."""

    exchanged: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    leased: list[int] = field(default_factory=list)
    most: int = 0

    def leases(self, found: Sequence[Delivery]) -> None:
        """Take note of a claim's answer."""
        self.leased += [one.id for one in found]
        self.most = max(self.most, len(self.leased) - len(self.exchanged) - len(self.settled))


def listen(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Take note of what every source is asked from now on."""
    asked = Asked()
    claim: Callable[..., Any] = Source.claim
    exchange: Callable[..., Any] = Source.exchange
    settle: Callable[..., Any] = Source.settle

    async def claiming(self: Source, wanted: Claim) -> Sequence[Delivery]:
        found: Sequence[Delivery] = await claim(self, wanted)
        asked.leases(found)
        return found

    async def exchanging(self: Source, done: Sequence[Lease], wanted: Claim) -> Exchanged:
        answer: Exchanged = await exchange(self, done, wanted)
        asked.exchanged += answer.written
        asked.leases(answer.found)
        return answer

    async def settling(self: Source, some: Sequence[Settlement]) -> Collection[int]:
        written: Collection[int] = await settle(self, some)
        asked.settled += written
        return written

    monkeypatch.setattr(Source, "claim", claiming)
    monkeypatch.setattr(Source, "exchange", exchanging)
    monkeypatch.setattr(Source, "settle", settling)
    return asked
