"""How a worker is, as a value that a probe can be answered with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a worker is.

    `live`: it works, or will again by itself when the database is back; otherwise only a restart
    helps. `ready`: it claims jobs; otherwise `reasons` say why not. `notes`: what it suffers from,
    though it works.
    """

    live: bool
    ready: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
