"""Worker processes whose wall clock is wrong; their monotonic clock is the machine's."""

from __future__ import annotations

from pathlib import Path

LIBRARY = "faketime/libfaketimeMT.so.1"


def skewed(offset: str) -> dict[str, str]:
    """The environment of a process whose clock is off: `-1h`, `+1h`."""
    return _preloaded() | {"FAKETIME": offset}


def stepping(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by what stands in a file, see `step`."""
    return _preloaded() | {"FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1"}


def step(file: Path, offset: str) -> None:
    """Step the clocks of all processes that read this file."""
    draft = file.with_suffix(".draft")
    draft.write_text(f"{offset}\n")
    draft.replace(file)  # never half written


def _preloaded() -> dict[str, str]:
    found = sorted([*Path("/usr/lib").glob(LIBRARY), *Path("/usr/lib").glob(f"*/{LIBRARY}")])
    assert found, "install libfaketime"
    return {"LD_PRELOAD": str(found[0]), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
