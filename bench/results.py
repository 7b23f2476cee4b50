"""Figures: their shape, their table, their file."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

LATEST = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True)
class Figure:
    """One measured figure; ``goal`` is the bound that it is meant to keep."""

    name: str
    value: float
    unit: str
    n: int
    p95: float | None = None
    goal: str = ""

    def row(self) -> dict:
        """The figure as the results file has it."""
        return {"value": self.value, "unit": self.unit, "n": self.n, "p95": self.p95}


def p95(values: list[float]) -> float:
    """95th percentile, by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, round(0.95 * len(ordered) + 0.5) - 1)]


def ratio(name: str, ours: list[float], theirs: list[float], goal: str) -> Figure:
    """Ratio of medians; ``p95`` is the ratio of the 95th percentiles."""
    value = statistics.median(ours) / statistics.median(theirs)
    return Figure(
        name, round(value, 3), "ratio", len(ours), round(p95(ours) / p95(theirs), 3), goal
    )


def write(figures: list[Figure]) -> str:
    """Merge the figures into the results file and return a table for people."""
    old = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    old.update({f.name: f.row() for f in figures})
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(old, indent=2) + "\n")
    lines = [f"{'figure':<28} {'value':>9} {'p95':>9} {'n':>4}  {'unit':<8} goal"]
    for f in figures:
        shown = "" if f.p95 is None else f"{f.p95:.3g}"
        lines.append(f"{f.name:<28} {f.value:>9.3g} {shown:>9} {f.n:>4}  {f.unit:<8} {f.goal}")
    return "\n".join(lines)
