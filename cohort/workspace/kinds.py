"""What this server is, as the spawner said in its environment."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

# For each kind a folder of Jupyter's own settings files: which extensions are on there. The
# course's tools cost every process 0.4 s, collaboration is for those who share files, and a
# button of either that leads nowhere is worse than none.
SETTINGS = Path("/etc/cohort")
KINDS = ("desk", "team", "course")


@dataclass(frozen=True)
class Workspace:
    """A desk, a team's workspace or a course's server."""

    kind: str = "desk"
    team: str = ""
    idle_seconds: float | None = None
    warn_seconds: float = 600.0
    door_seconds: float = 10.0
    gpus: tuple[str, ...] = ()
    presence_url: str = ""


def read_environment(env=os.environ) -> Workspace:
    """Return what the spawner said; without it, a desk that is never stopped."""
    return Workspace(
        kind=env.get("COHORT_KIND") or "desk",
        team=env.get("COHORT_TEAM", ""),
        idle_seconds=float(env.get("COHORT_IDLE_SECONDS") or 0) or None,
        warn_seconds=float(env.get("COHORT_WARN_SECONDS") or 600),
        door_seconds=float(env.get("COHORT_DOOR_SECONDS") or 10),
        gpus=tuple(json.loads(env.get("COHORT_GPUS") or "[]")),
        presence_url=env.get("COHORT_HUB_PRESENCE_URL", ""),
    )
