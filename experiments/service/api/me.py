"""Who the caller is, and in whose name they may act."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from experiments.offer import people
from experiments.service.api.common import REFUSALS, Who

router = APIRouter(tags=["me"], responses=REFUSALS)


class Owner(BaseModel):
    """An account that runs can belong to."""

    account: str
    title: str


class Me(BaseModel):
    """The caller."""

    login: str
    name: str
    role: str | None
    owners: list[Owner]
    advises: list[str]


@router.get("/me")
def me(caller: Who) -> Me:
    """Who asks."""
    return Me(
        login=caller.login,
        name=caller.name,
        role=caller.role,
        owners=[Owner(account=account, title=people(account)) for account in caller.accounts],
        advises=list(caller.advised),
    )
