"""When a hand-in is due for whom, whether it is late, whether it is still taken, what it costs.

Invariant: pure functions of stored facts and the server's clock; no client's time enters.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

DAY = 24 * 3600


class Penalty(BaseModel):
    """What lateness costs: a share of the points for each day begun, and when it is too late."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    percent_per_day: Annotated[float, Field(ge=0, le=100)] = 0
    at_most_percent: Annotated[float, Field(ge=0, le=100)] = 100
    closes_after_hours: Annotated[float, Field(ge=0, le=24 * 366)] | None = Field(
        None, description="late hand-ins are taken this long; 0: none, null: for ever"
    )


def local_to_utc(value: datetime, timezone: str) -> datetime:
    """A time in UTC; one that says no offset is a wall clock's in ``timezone``.

    Of an hour that a clock shows twice the later one counts: nobody loses an hour by it.
    """
    if value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(timezone), fold=1)
    return value.astimezone(UTC)


def shown_in(value: datetime | None, timezone: str) -> datetime | None:
    """A stored time with the offset that it has in ``timezone``."""
    return value and value.astimezone(ZoneInfo(timezone))


def effective_due(due: datetime | None, extended: datetime | None) -> datetime | None:
    """The deadline with an extension, which never takes time away."""
    if due is None or extended is None:
        return due
    return max(due, extended)


def late_seconds(received: datetime, due: datetime | None, grace_minutes: int) -> int:
    """Whole seconds after the deadline, begun ones included; 0 within the grace."""
    if due is None or received <= due + timedelta(minutes=grace_minutes):
        return 0
    return math.ceil((received - due).total_seconds())


def closes_at(due: datetime | None, grace_minutes: int, penalty: Penalty) -> datetime | None:
    """From when on nothing is taken any more; None: never."""
    if due is None or penalty.closes_after_hours is None:
        return None
    late = timedelta(hours=penalty.closes_after_hours)
    return due + max(late, timedelta(minutes=grace_minutes))


def penalty_share(late: int, penalty: Penalty) -> float:
    """The share of the points, 0 to 1, that so many seconds of lateness cost."""
    days = math.ceil(late / DAY)
    return min(days * penalty.percent_per_day, penalty.at_most_percent) / 100
