"""Ends what people who left the roster still have open in a running lab."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from cohort.people import Person


def end_sessions_of_leavers(
    people: Iterable[Person],
    execute: Callable[[str, list[str], str], str],
    report: Callable[[str], None],
) -> tuple[str, ...]:
    """End sessions, API tokens and desks of everybody who is not in the roster; their logins.

    The provider alone would lock them out at the hub's next look, ``login.recheck_seconds``
    later. It asks the hub who is there, not the sync who left, so that a run that was cut off
    is made good by the next. Raises `CohortError`; files are kept in any case.
    """
    logins = json.dumps([person.login for person in people])
    gone = tuple(json.loads(execute("hub", ["python", "-m", "hub_config.leavers"], logins)))
    if gone:
        report(f"Ended the sessions and desks of: {', '.join(gone)}; their files are kept.")
    return gone
