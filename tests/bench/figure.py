"""One figure of a run: what each round gave, what it should be, and where it was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with a value a round; `least` or `most` is what to reach, if anything."""

    id: str
    what: str
    values: Sequence[float]
    unit: str
    least: float | None = None
    most: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return median(self.values)

    @property
    def target(self) -> str:
        """What to reach, in words."""
        if self.least is not None:
            return f">= {self.least:g}"
        return "-" if self.most is None else f"<= {self.most:g}"

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None: there is none."""
        if self.least is not None:
            return self.median >= self.least
        return None if self.most is None else self.median <= self.most

    def line(self, setting: Mapping[str, Any]) -> str:
        """Return it as one line of JSON; a ratio is called so."""
        shown = {
            "id": self.id,
            "what": self.what,
            "ratio" if self.unit.startswith("x ") else "value": round(self.median, 4),
            "low": round(min(self.values), 4),
            "high": round(max(self.values), 4),
            "rounds": len(self.values),
            "unit": self.unit,
            "target": self.most if self.least is None else self.least,
            "met": self.met,
        }
        return json.dumps({**shown, **self.details, **setting})


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that could not be measured, and why: shown as a figure would be."""

    id: str
    what: str
    why: str

    def line(self, setting: Mapping[str, Any]) -> str:
        """Return it as one line of JSON."""
        return json.dumps({"id": self.id, "what": self.what, "missing": self.why, **setting})


def ratios(
    id: str, over: Sequence[float], under: Sequence[float], name: str, **goal: Any
) -> Figure:
    """Return the ratio of two variants of the same rounds, round by round."""
    values = [a / b for a, b in zip(over, under, strict=True)]
    return Figure(id=id, what=f"against {name}", values=values, unit=f"x {name}", **goal)
