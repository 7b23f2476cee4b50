"""Who calls a service: a person with a browser, or a program with a server's token.

Invariant: who somebody is comes from the hub alone, from a token that it gave out for this very
service; what they are in the lab is read from the hub again after `FRESH` seconds at most.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import httpx
from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError

from cohort.errors import Refusal
from cohort.membership import Membership, account_of, is_reserved, membership_of
from cohort.settings import HUB_PORT, Settings

FRESH = 5.0
PAGE = 100  # accounts that the hub is asked for at once; it gives no more than 200
HUB_AWAY = (
    "The lab's hub does not answer, so nobody can be let in. Try again in a minute; "
    "if it goes on, tell the lab's operator."
)


@dataclass(frozen=True)
class Caller:
    """Somebody whom the hub knows: a person, or the account of a team's or course's server."""

    login: str
    name: str
    membership: Membership = field(default_factory=Membership)

    @property
    def role(self) -> str | None:
        return self.membership.role

    @property
    def teams(self) -> tuple[str, ...]:
        """Accounts of the teams that a person is a member of; a mentor is none's."""
        if self.role == "mentor":
            return ()
        return tuple(account_of(team) for team in self.membership.teams)

    @property
    def advised(self) -> tuple[str, ...]:
        """Accounts of the teams that a mentor advises."""
        if self.role != "mentor":
            return ()
        return tuple(account_of(team) for team in self.membership.teams)

    @property
    def accounts(self) -> tuple[str, ...]:
        """In whose name they may act: their own, and their teams'."""
        return (self.login, *self.teams)


class Hub:
    """Asks the hub on behalf of one service, with the service's own token."""

    def __init__(self, settings: Settings, service: str, token: str) -> None:
        self.service, self.prefix = service, f"/services/{service}/"
        self._scope = f"access:services!service={service}"
        api = f"http://{settings.network.gateway}:{HUB_PORT}/hub/api"
        self.oauth = HubOAuth(
            api_url=api,
            api_token=token,
            base_url=self.prefix,
            hub_prefix="/hub/",
            hub_host="",
            oauth_client_id=f"service-{service}",
            oauth_redirect_uri=f"{settings.address.url}{self.prefix}oauth_callback",
            access_scopes={self._scope},
            cache_max_age=int(FRESH),
        )
        headers = {"Authorization": f"token {token}"}
        self._http = httpx.AsyncClient(base_url=api, headers=headers, timeout=10)
        self._people: dict[str, tuple[float, Caller]] = {}

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def caller(self, token: str) -> Caller | None:
        """The caller that a token speaks for; None if it is no token for this service.

        Raises `Refusal` (503) while the hub is away.
        """
        try:
            user = await self.oauth.user_for_token(token, sync=False)
        except HTTPError as e:
            raise Refusal(HUB_AWAY, code="hub_away", status=503) from e
        if not user or user.get("kind") != "user":
            return None
        if not self.oauth.check_scopes({self._scope}, user):
            return None
        return await self.person(user["name"])

    async def person(self, login: str) -> Caller:
        """What the hub knows of an account now; without role and teams if it has none."""
        known = self._people.get(login)
        if known and time.monotonic() - known[0] < FRESH:
            return known[1]
        try:
            answer = await self._http.get(f"/users/{login}")
        except httpx.TransportError as e:
            raise Refusal(HUB_AWAY, code="hub_away", status=503) from e
        if answer.status_code >= 500:  # nobody loses their role because the hub is unwell
            raise Refusal(HUB_AWAY, code="hub_away", status=503)
        found = _caller(login, answer.json() if answer.status_code == 200 else {})
        if len(self._people) > 5000:
            self._people.clear()
        self._people[login] = (time.monotonic(), found)
        return found

    async def everybody(self) -> list[Caller]:
        """All people whom the hub knows, by when they first came; needs ``list:users``."""
        found: list[Caller] = []
        offset = 0
        while True:
            try:
                answer = await self._http.get("/users", params={"offset": offset, "limit": PAGE})
                answer.raise_for_status()
            except (httpx.TransportError, httpx.HTTPStatusError) as e:
                raise Refusal(HUB_AWAY, code="hub_away", status=503) from e
            models = answer.json()
            found += [_caller(m["name"], m) for m in models if not is_reserved(m["name"])]
            offset += len(models)
            if len(models) < PAGE:
                return found


def _caller(login: str, model: dict) -> Caller:
    if is_reserved(login):
        kind, _, rest = login.partition("-")
        return Caller(login, f"{kind} {rest}")
    name = (model.get("user_info") or {}).get("name") or login
    return Caller(login, name, membership_of(model.get("roles") or ()))
