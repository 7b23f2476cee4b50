"""What this server is, as the spawner said in its environment."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

# Plugins of JupyterLab that a kind of server has no use for: their pages or their server
# extension are off, and a button that leads nowhere is worse than none.
EVERYWHERE = (
    # They fetch news and packages from the internet; our `lab` has no handlers for them.
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/extensionmanager-extension",
)
COURSE_TOOLS = (
    "@jupyter/nbgrader:formgrader",
    "@jupyter/nbgrader:course-list",
    "@jupyter/nbgrader:create-assignment",
)
COLLABORATION = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")

COURSE_EXTENSIONS = (
    "nbgrader.server_extensions.formgrader",
    "nbgrader.server_extensions.course_list",
)
COLLABORATION_EXTENSIONS = ("jupyter_server_ydoc", "jupyter_server_fileid")


@dataclass(frozen=True)
class Workspace:
    """A desk, a team's workspace or a course's server."""

    kind: str = "desk"
    team: str = ""
    members: dict[str, str] = field(default_factory=dict)
    idle_seconds: float | None = None
    warn_seconds: float = 600.0
    door_seconds: float = 10.0
    gpus: tuple[str, ...] = ()
    presence_url: str = ""

    @property
    def disabled_plugins(self) -> tuple[str, ...]:
        """Plugins of JupyterLab that are off here."""
        tools = () if self.kind == "course" else COURSE_TOOLS
        together = () if self.kind == "team" else COLLABORATION
        return EVERYWHERE + tools + together

    @property
    def disabled_extensions(self) -> tuple[str, ...]:
        """Server extensions that are off here."""
        return (() if self.kind == "course" else COURSE_EXTENSIONS) + (
            () if self.kind == "team" else COLLABORATION_EXTENSIONS
        )


def read_environment(env=os.environ) -> Workspace:
    """Return what the spawner said; without it, a desk that is never stopped."""
    return Workspace(
        kind=env.get("COHORT_KIND") or "desk",
        team=env.get("COHORT_TEAM", ""),
        members=json.loads(env.get("COHORT_MEMBERS") or "{}"),
        idle_seconds=float(env.get("COHORT_IDLE_SECONDS") or 0) or None,
        warn_seconds=float(env.get("COHORT_WARN_SECONDS") or 600),
        door_seconds=float(env.get("COHORT_DOOR_SECONDS") or 10),
        gpus=tuple(json.loads(env.get("COHORT_GPUS") or "[]")),
        presence_url=env.get("COHORT_HUB_PRESENCE_URL", ""),
    )
