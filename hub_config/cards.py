"""What the home page shows of a server: whose it is, its state, who is in it, its GPUs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from jupyterhub.utils import url_escape_path

from cohort.gpus import GpuLedger, gpu_label
from cohort.membership import Membership, account_of, course_account, kind_of
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
    """Return the cards of a person: the desk first, then teams by name and courses taught."""
    role = membership.role or "participant"
    claims = await asyncio.to_thread(ledger.claims)
    cards = []
    for account, title in _servers(handler.current_user.name, settings, membership):
        user = handler.find_user(account)
        spawner = user.spawner if user else None
        if spawner and spawner.ready:
            # A server that died since the last look is noticed here, not minutes later.
            await spawner.poll_and_notify()
        kind = kind_of(account)
        profiles = [p for p in settings.profiles_for(kind, role) if p.gpus <= len(ledger.devices)]
        chosen = (spawner.orm_spawner.user_options or {}).get("profile") if spawner else None
        cards.append(
            Card(
                kind=kind,
                account=account,
                title=title,
                state=_state(spawner),
                url=f"{handler.base_url}user/{url_escape_path(account)}/",
                spawn_url=f"{handler.hub.base_url}spawn/{url_escape_path(account)}",
                profiles=tuple(profiles),
                profile=next((p for p in profiles if p.name == chosen), None),
                ended=spawner.ended if spawner else "",
                people=tuple(_names(handler, account)),
                gpus=tuple(gpu_label(c.device) for c in claims if c.holder.name == account),
                open_to_me=not (kind == "team" and role == "mentor"),
                held=tuple(f"{gpu_label(c.device)}: {c.holder}" for c in claims),
            )
        )
    return cards


def _servers(login: str, settings: Settings, membership: Membership) -> list[tuple[str, str]]:
    """Account and title of each server that a person has to do with."""
    return [
        (login, "Your desk"),
        *((account_of(team), f"Team {team}") for team in membership.teams),
        *((course_account(c.id), c.title) for c in settings.courses_of(login, membership.role)),
    ]


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
