"""Cron expressions with a time zone: what they mean, as times.

Invariant: each time that is given is later than the one before, on UTC's clock as well, on
both sides of a clock change. As Debian's cron does: what falls into the hour that is skipped
happens right after it, what falls into the hour that comes twice happens the first time only;
expressions with ``*`` as the hour go by the clock on the wall, hour by hour as they pass.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from experiments.errors import ExperimentError

FIELDS = 5
# How far back to look for the last times before a moment; the first span that has enough is used.
SPANS = [timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366)]
BROKEN = (CronSimError, AssertionError, TypeError, ValueError, IndexError)


def check_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the IANA database; refuses what is none."""
    if name not in _zones():
        raise ExperimentError(
            f'There is no time zone "{name}": write one such as "Asia/Hong_Kong" or '
            f'"Europe/London".',
            code="timezone_unknown",
            field="timezone",
        )
    return ZoneInfo(name)


def check_cron(cron: str) -> None:
    """Refuse what is no cron expression, and one that names no time at all."""
    if len(cron.split()) != FIELDS:
        raise _refusal(
            f'"{cron}" is no cron expression: write five fields (minute, hour, day of month, '
            f'month, day of week), as "0 2 * * *" for every night at two.'
        )
    try:
        found = next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        what = str(error).removeprefix("Bad ").strip()
        raise _refusal(f'"{cron}" names no time: its {what} is wrong.') from None
    except BROKEN:
        raise _refusal(f'"{cron}" is no cron expression: a field of it cannot be read.') from None
    if found is None:
        raise _refusal(f'"{cron}" never happens: no such day comes within fifty years.')


def next_times(cron: str, timezone: str, after: datetime, count: int = 5) -> list[datetime]:
    """The next times after a moment, in the expression's own zone; raises `ExperimentError`."""
    check_cron(cron)
    return list(islice(_times(cron, check_zone(timezone), after), count))


def last_times(
    cron: str, timezone: str, first: datetime, until: datetime, count: int
) -> list[datetime]:
    """The last times from ``first`` to ``until``, both included, at most ``count``."""
    zone = check_zone(timezone)
    just_before = timedelta(microseconds=1)
    for span in [*SPANS, until - first + just_before]:
        start = max(first - just_before, until - span)
        found = []
        for time in _times(cron, zone, start):
            if time > until:
                break
            found.append(time)
        if len(found) >= count or start < first:
            break
    return found[-count:]


def _times(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    for time in CronSim(cron, after.astimezone(zone)):
        # In the hour that comes twice the iterator starts at its first passage again.
        if time.astimezone(UTC) > after.astimezone(UTC):
            yield time


def _refusal(sentence: str) -> ExperimentError:
    return ExperimentError(sentence, code="cron_invalid", field="cron")


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
