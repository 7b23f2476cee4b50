"""Times, sizes and places as people say them.

Invariant: what is shown is never more exact than it is known.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from experiments.report.words import duration

UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def span(seconds: float) -> str:
    """A distance in time in one unit: 12 s, 3 min, 5 h, 2 d."""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def moment(iso: str) -> str:
    """A time on this machine's clock and how far away it is: 2026-11-24 02:00 HKT, 3 h ago."""
    return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M %Z}, {distance(iso)}"


def distance(iso: str) -> str:
    """How far away a time is: 3 h ago, in 5 min."""
    seconds = (datetime.fromisoformat(iso) - now()).total_seconds()
    return f"{span(-seconds)} ago" if seconds <= 0 else f"in {span(seconds)}"


def clock(iso: str) -> str:
    """A time on this machine's clock, to the second."""
    return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def in_zone(iso: str, zone: str) -> str:
    """A time on the clock of a time zone: Tue 2026-11-24 02:00."""
    return f"{datetime.fromisoformat(iso).astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"


def took(run: dict) -> str:
    """How long a run has run, up to now if it still does."""
    if run["started_at"] is None:
        return ""
    started = datetime.fromisoformat(run["started_at"])
    ended = datetime.fromisoformat(run["ended_at"]) if run["ended_at"] else now()
    return duration((ended - started).total_seconds())


def cells(run: dict) -> str:
    """How many of a run's cells are done: 3/12."""
    return f"{run['cells_done']}/{run['cells_total']}" if run["cells_total"] else ""


def place(url: str) -> str:
    """The address of a page of the lab, whole where the lab has told its own."""
    return urljoin(os.environ.get("JUPYTERHUB_PUBLIC_HUB_URL", ""), url)


def count(number: int, what: str) -> str:
    """1 run, 2 runs."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
