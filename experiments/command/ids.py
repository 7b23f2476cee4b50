"""What an id names: a run, a sweep or a schedule.

Invariant: an id that reaches an address of the service has the form of one.
"""

from __future__ import annotations

import re

from experiments.errors import ExperimentError

ID = re.compile(r"(run|sweep|schedule)-[a-z0-9]{1,25}")


def kind_of(name: str, *kinds: str) -> str:
    """ "run", "sweep" or "schedule"; refused unless it is one of ``kinds``, if any are given."""
    match = ID.fullmatch(name)
    if match and (not kinds or match[1] in kinds):
        return match[1]
    wanted = kinds or ("run", "sweep", "schedule")
    names = " or ".join(f"{kind}-…" for kind in wanted)
    raise ExperimentError(f"{name[:60]!a} is no id such as {names}.", code="usage")
