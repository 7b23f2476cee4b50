"""Which profile a server gets: a person names one, their role and the lab decide.

Invariant: nothing a browser sends reaches a container but the name of a profile that the
person's role allows.
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyterhub.spawner import SpawnException

from cohort.settings import Profile, Settings


class Refused(SpawnException):
    """A spawn that policy or capacity forbids; the person sees the sentence as it is."""

    def __init__(self, sentence: str, status: int = 409) -> None:
        super().__init__(sentence, reason="policy", status_code=status)
        self.jupyterhub_message = sentence


def fitting(settings: Settings, kind: str, role: str | None, gpus: int) -> list[Profile]:
    """Profiles of a kind that a role may choose in a lab of so many GPUs; the first is default."""
    allowed = settings.profiles_for(kind, role or "participant")
    return [p for p in allowed if p.gpus <= gpus]


def choose(allowed: Sequence[Profile], kind: str, options: dict | None) -> Profile:
    """The profile that the options name, or the default; raises `Refused` for any other."""
    if not allowed:
        raise Refused(f"No profile of kind {kind} is open to your role.", 403)
    name = (options or {}).get("profile") or allowed[0].name
    for profile in allowed:
        if profile.name == name:
            return profile
    names = ", ".join(p.name for p in allowed)
    raise Refused(f"There is no profile {str(name)[:40]!r} for you here; choose from {names}.")
