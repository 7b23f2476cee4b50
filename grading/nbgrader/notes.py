"""What the assignment list says of deadlines, attempts, lateness and marks, in a few words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def about_assignment(entry: dict) -> str:
    """When it is due and how often it can still be handed in; empty if there is no limit."""
    words = []
    if entry["due"]:
        word = "due until" if entry["extended"] else "due"
        words.append(f"{word} {_local(entry['due'], entry['timezone'])}")
    if entry["closed"]:
        words.append("closed")
    elif entry["attempts_left"] is not None:
        left = entry["attempts_left"]
        words.append(f"{left} attempt{'' if left == 1 else 's'} left")
    return ", ".join(words)


def about_submission(one: dict) -> str:
    """How late it was and what mark it has; empty if there is nothing to say."""
    words = []
    if one["late_seconds"]:
        words.append(f"{duration(one['late_seconds'])} late")
    if one.get("score") is not None:
        words.append(f"{one['score']:g} of {one['max_score']:g} points")
    return ", ".join(words)


def duration(seconds: float) -> str:
    """A length of time in its two largest units, such as ``2 h 5 min``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((at for at, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def _local(iso: str, timezone: str) -> str:
    """A time where the course is; the zone's name stands with it, because desks are anywhere."""
    when = datetime.fromisoformat(iso)
    try:
        when = when.astimezone(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError):
        timezone = when.strftime("%Z")
    return f"{when:%a %-d %b %Y %H:%M} {timezone}"
