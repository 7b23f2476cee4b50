"""How pages write things: times, sizes, values, states; the templates' filters.

Invariant: every filter takes what a run may hold, of any type, and returns short plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from experiments.report.words import duration, literal, short

LONGEST = 60  # characters of a value in a list


def iso(at: datetime | None) -> str:
    """For scripts, which turn it into the reader's own time."""
    return at.isoformat(timespec="seconds") if at else ""


def moment(at: datetime) -> str:
    """For readers without scripts: 24 Nov 2026, 02:00 UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def size(count: int) -> str:
    """Bytes as people say them: 0 B, 14 kB, 2.3 MB."""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.3g} {unit}" if unit != "B" else f"{count} B"


def gib(count: int) -> str:
    """Memory: 2 GB, as people ask for it."""
    return f"{count / 2**30:.3g} GB"


def value(one: Any) -> str:
    """A parameter or a metric in a list: short, numbers in six digits at most."""
    text = short(one) if isinstance(one, float) else literal(one)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def pairs(values: Mapping[str, Any], most: int = 4) -> str:
    """The first of some values in a line: ``lr 0.1 · seed 3``."""
    said = [f"{name} {value(one)}" for name, one in islice(values.items(), most)]
    more = len(values) - len(said)
    return " · ".join(said + ([f"{more} more"] if more > 0 else []))


def kind(state: str) -> str:
    """The class of a state's badge: ``timed-out``."""
    return state.lower().replace(" ", "-")


def took(run: Any) -> float | None:
    """Seconds from a run's start to its end, or to now."""
    if run.started_at is None:
        return None
    return ((run.ended_at or datetime.now(UTC)) - run.started_at).total_seconds()


def count(number: int, what: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


FILTERS = {
    "count": count,
    "duration": duration,
    "gib": gib,
    "iso": iso,
    "kind": kind,
    "moment": moment,
    "pairs": pairs,
    "size": size,
    "took": took,
    "value": value,
}
