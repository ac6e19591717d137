"""What the benchmark's worker runs; it tells on its standard output what the clock said.

The clock is the machine's monotonic one, which is the same for every process.
"""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

from pgqueue import Processors

processors = Processors()
_seen: dict[int, tuple[int, float]] = {}


@processors.process("bench_drain")
async def drain(payload: dict[str, Any]) -> None:
    """Count the jobs of a run, and tell when the last one has come."""
    run, jobs = payload["run"], payload["jobs"]
    count, first = _seen.get(run, (0, monotonic()))
    _seen[run] = (count + 1, first)
    if count + 1 == jobs:
        print(json.dumps({"run": run, "seconds": monotonic() - first}), flush=True)


@processors.process("bench_pickup")
async def pickup(payload: dict[str, Any]) -> None:
    """Tell how long ago the push began."""
    print(json.dumps({"waited": monotonic() - payload["sent"]}), flush=True)
