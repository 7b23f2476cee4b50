"""What the home page shows of a server: whose it is, its state, who is in it, its GPUs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from jupyterhub.utils import url_escape_path

from cohort.gpus import GpuLedger, gpu_label
from cohort.membership import Membership, account_of
from cohort.settings import Profile, Settings
from hub_config import presence


@dataclass(frozen=True)
class Card:
    """One server on the home page."""

    kind: str
    account: str
    title: str
    state: str  # off, starting, stopping or running
    url: str
    spawn_url: str
    profiles: tuple[Profile, ...]
    profile: Profile | None
    ended: str = ""
    people: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    open_to_me: bool = True
    held: tuple[str, ...] = ()


async def make_cards(handler, settings: Settings, membership: Membership, ledger: GpuLedger):
    """Return the cards of a person: the desk first, then the teams by name."""
    role = membership.role or "participant"
    claims = await asyncio.to_thread(ledger.claims)
    cards = []
    for team in (None, *membership.teams):
        account = account_of(team) if team else handler.current_user.name
        user = handler.find_user(account)
        spawner = user.spawner if user else None
        if spawner and spawner.ready:
            # A server that died since the last look is noticed here, not minutes later.
            await spawner.poll_and_notify()
        kind = "team" if team else "desk"
        profiles = [p for p in settings.profiles_for(kind, role) if p.gpus <= len(ledger.devices)]
        chosen = (spawner.orm_spawner.user_options or {}).get("profile") if spawner else None
        cards.append(
            Card(
                kind=kind,
                account=account,
                title=f"Team {team}" if team else "Your desk",
                state=_state(spawner),
                url=f"{handler.base_url}user/{url_escape_path(account)}/lab",
                spawn_url=f"{handler.hub.base_url}spawn/{url_escape_path(account)}",
                profiles=tuple(profiles),
                profile=next((p for p in profiles if p.name == chosen), None),
                ended=spawner.ended if spawner else "",
                people=tuple(_names(handler, account)),
                gpus=tuple(gpu_label(c.device) for c in claims if c.holder.name == account),
                open_to_me=not (team and role == "mentor"),
                held=tuple(f"{gpu_label(c.device)}: {c.holder}" for c in claims),
            )
        )
    return cards


def _state(spawner) -> str:
    if spawner is None or not spawner.active:
        return "off"
    if spawner.pending == "stop":
        return "stopping"
    return "running" if spawner.ready else "starting"


def _names(handler, account: str) -> list[str]:
    names = []
    for login in presence.people_in(account):
        user = handler.find_user(login)
        info = (user.user_info or {}) if user else {}
        names.append(info.get("name") or login)
    return names
