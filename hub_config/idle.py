"""Stops idle servers: jupyterhub-idle-culler with each profile's own idle time.

A busy kernel counts as activity (`cohort.workspace` reports it), so it is never stopped.
"""

from __future__ import annotations

import os
from datetime import timedelta

from jupyterhub_idle_culler import IdleCuller

from cohort.settings import Settings
from cohort.settings_file import load_settings


def limit_of(server: dict, settings: Settings) -> float:
    """Seconds that a server, as the hub's API describes it, may be idle."""
    name = (server.get("user_options") or {}).get("profile")
    profile = next((p for p in settings.profiles if p.name == name), None)
    minutes = profile.idle_minutes if profile else max(p.idle_minutes for p in settings.profiles)
    return minutes * 60


def main() -> None:
    """Run until killed; the hub starts this as a managed service and restarts it."""
    settings = load_settings(os.environ["COHORT_SETTINGS"])

    def arbiter(*, inactive: timedelta | None, server: dict, **_) -> bool:
        return inactive is not None and inactive.total_seconds() >= limit_of(server, settings)

    IdleCuller.launch_instance(
        argv=[],
        cull_arbiter_hook=arbiter,
        cull_every=settings.idle.check_seconds,
        config_file="",
    )


if __name__ == "__main__":
    main()
